using System.Diagnostics;
using System.Globalization;
using StreamRnn.Trainer.Fit;

namespace StreamRnn.Worker.Verbs;

/// <summary>One line per epoch on a terminal, at most four a second; nothing in a pipe.</summary>
internal sealed class TrainProgress(int epochs) : IDisposable
{
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(0.25);

    private readonly bool _shown = !Console.IsErrorRedirected;
    private long _printedAt;
    private string? _unprinted;

    public void AfterEpoch(TrainingLoop loop)
    {
        if (!_shown)
            return;
        if (loop.History.Count == 1)
            Console.Error.WriteLine($"{"epoch",11} {"loss",11} {"validation",11} {"best",6} {"|gradient|",11} {"clipped",8} {"rows/s",12} {"left",9}");
        EpochRecord epoch = loop.History[^1];
        TimeSpan left = TimeSpan.FromSeconds(loop.IsDone ? 0 : loop.History.TakeLast(10).Average(record => record.Seconds) * (epochs - epoch.Epoch));
        _unprinted = string.Create(CultureInfo.InvariantCulture,
            $"{epoch.Epoch,5}/{epochs,-5} {epoch.Loss,11:g6} {epoch.Validation,11:g6} {loop.BestEpoch,6} "
            + $"{epoch.GradientNorm,11:g4} {epoch.ClipRate,8:0%} {epoch.Samples / epoch.Seconds,12:n0} {left,9:h\\:mm\\:ss}");
        if (loop.IsDone || Stopwatch.GetElapsedTime(_printedAt) >= Pause)
            Print();
    }

    /// <summary>Counts the runs of a sweep.</summary>
    public static void AfterRun(int done, int runs)
    {
        if (!Console.IsErrorRedirected)
            Console.Error.WriteLine($"{done} of {runs} runs");
    }

    public void Dispose() => Print();

    private void Print()
    {
        if (_unprinted is not null)
            Console.Error.WriteLine(_unprinted);
        (_unprinted, _printedAt) = (null, Stopwatch.GetTimestamp());
    }
}
