using StreamRnn.Worker.Telemetry;

namespace StreamRnn.Worker.Publish;

/// <summary>
/// The one thread behind the shards: takes block after block, gives it to every sink, then tells the sources. Outputs and
/// acknowledgements leave together, and only here.
/// </summary>
public sealed class Publisher(ForecastQueue queue, WorkerMetrics metrics, params IReadOnlyList<IForecastSink> sinks)
{
    private readonly IForecastSink[] _sinks = [.. sinks];
    private Thread? _thread;
    private long _published;

    /// <summary>Forecasts handed to the sinks so far.</summary>
    public long Published => Volatile.Read(ref _published);

    public void Start()
    {
        _thread = new Thread(Run) { Name = "publisher", IsBackground = true };
        _thread.Start();
    }

    /// <summary>Waits until the shards have finished and the last forecast has been handed over.</summary>
    public void Join() => _thread?.Join();

    private void Run()
    {
        ForecastBlock? block = null;
        while ((block = queue.Take(block)) is not null)
        {
            foreach (IForecastSink sink in _sinks)
            {
                sink.Write(block.Forecasts);
                metrics.ForecastsPublished(sink.Name, block.Count);
            }
            block.Acknowledge();
            Count(block.Forecasts);
        }

        foreach (IForecastSink sink in _sinks)
            sink.Complete();
    }

    private void Count(ReadOnlySpan<Forecast> forecasts)
    {
        int anomalies = 0;
        foreach (ref readonly Forecast forecast in forecasts)
        {
            anomalies += forecast.Verdict.Alarm ? 1 : 0;
            metrics.ForecastReady(forecast.ReceivedAt);
        }
        if (anomalies > 0)
            metrics.AnomaliesFound(anomalies);
        Volatile.Write(ref _published, _published + forecasts.Length);
    }
}
