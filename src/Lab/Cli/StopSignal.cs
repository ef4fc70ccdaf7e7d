using System.Runtime.InteropServices;

namespace StreamRnn.Lab.Cli;

/// <summary>
/// Turns the first Ctrl-C or SIGTERM into a cancelled token, so that a verb can drain and say what it did. A second one ends the process.
/// </summary>
public sealed class StopSignal : IDisposable
{
    private readonly CancellationTokenSource _stopping = new();
    private readonly PosixSignalRegistration[] _registrations;

    /// <param name="after">Also stops by itself after this long; null for never.</param>
    public StopSignal(TimeSpan? after = null)
    {
        _registrations =
        [
            PosixSignalRegistration.Create(PosixSignal.SIGINT, OnSignal),
            PosixSignalRegistration.Create(PosixSignal.SIGTERM, OnSignal),
        ];
        if (after is TimeSpan duration)
            _stopping.CancelAfter(duration);
    }

    public CancellationToken Token => _stopping.Token;

    public void Dispose()
    {
        foreach (PosixSignalRegistration registration in _registrations)
            registration.Dispose();
        _stopping.Dispose();
    }

    private void OnSignal(PosixSignalContext context)
    {
        context.Cancel = !_stopping.IsCancellationRequested;
        _stopping.Cancel();
    }
}
