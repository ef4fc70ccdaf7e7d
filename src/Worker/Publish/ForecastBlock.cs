using StreamRnn.Detection;
using StreamRnn.Ingest;

namespace StreamRnn.Worker.Publish;

/// <summary>The unit in which forecasts travel from a shard to the publisher: a reused array and how far it is filled.</summary>
public sealed class ForecastBlock(int capacity)
{
    private readonly Forecast[] _forecasts = new Forecast[capacity];

    public int Count { get; private set; }

    /// <summary>Forecasts that still fit.</summary>
    public int Room => _forecasts.Length - Count;

    public ReadOnlySpan<Forecast> Forecasts => _forecasts.AsSpan(0, Count);

    /// <summary>Where the journal was cut right behind this block; 0 where it was not.</summary>
    public long Cut { get; set; }

    /// <summary>The last place in the journal of what it holds; they rise.</summary>
    public long LastPosition => Count == 0 ? 0 : _forecasts[Count - 1].Position;

    /// <summary>Adds what was said of a tick, written where it stays: a forecast is too large to be copied on the way.</summary>
    public void Add(in Tick tick, int kind, in Verdict verdict)
    {
        ref Forecast forecast = ref _forecasts[Count++];
        forecast.Stream = tick.Stream;
        forecast.Kind = kind;
        forecast.Time = tick.Time;
        forecast.Value = tick.Value;
        forecast.Verdict = verdict;
        forecast.ReceivedAt = tick.ReceivedAt;
        forecast.Trace = tick.Trace;
        forecast.Ledger = tick.Ledger;
        forecast.Packet = tick.Packet;
        forecast.Position = tick.Position;
    }

    public void Clear() => (Count, Cut) = (0, 0);

    /// <summary>Tells the sources that these ticks are done with.</summary>
    public void Acknowledge()
    {
        foreach (ref readonly Forecast forecast in Forecasts)
        {
            if (forecast.Ledger is PacketLedger ledger)
                ledger.Complete(forecast.Packet);
        }
    }

    /// <summary>The same, each as soon as it is durable.</summary>
    public void Acknowledge(ITickJournal journal)
    {
        foreach (ref readonly Forecast forecast in Forecasts)
        {
            if (forecast.Ledger is PacketLedger ledger)
                journal.Acknowledge(forecast.Position, ledger, forecast.Packet);
        }
    }
}
