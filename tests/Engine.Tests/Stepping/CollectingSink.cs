using StreamRnn.Engine.Publish;

namespace StreamRnn.Engine.Tests.Stepping;

/// <summary>Keeps what it is given. Read after the engine has drained; a closed gate holds whoever publishes up.</summary>
internal sealed class CollectingSink : IForecastSink
{
    private readonly object _gate = new();
    private bool _held;

    public string Name => "collecting";

    public List<Forecast> Forecasts { get; } = [];

    /// <summary>Name of the thread that is held up; null where none is.</summary>
    public string? Held { get; private set; }

    public bool Completed { get; private set; }

    /// <summary>Forecasts it takes before it has ended for good.</summary>
    public int EndsAfter { get; init; } = int.MaxValue;

    public void Hold()
    {
        lock (_gate)
            _held = true;
    }

    public void LetGo()
    {
        lock (_gate)
        {
            _held = false;
            Monitor.PulseAll(_gate);
        }
    }

    public void Write(ReadOnlySpan<Forecast> forecasts)
    {
        lock (_gate)
        {
            while (_held)
            {
                Held = Thread.CurrentThread.Name;
                Monitor.Wait(_gate);
            }
        }
        ObjectDisposedException.ThrowIf(Forecasts.Count >= EndsAfter, this);
        Forecasts.AddRange(forecasts);
    }

    public void Complete() => Completed = true;
}
