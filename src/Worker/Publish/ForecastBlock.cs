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

    public void Add(in Forecast forecast) => _forecasts[Count++] = forecast;

    public void Clear() => Count = 0;

    /// <summary>Tells the sources that these ticks are done with.</summary>
    public void Acknowledge()
    {
        foreach (ref readonly Forecast forecast in Forecasts)
        {
            if (forecast.Ledger is PacketLedger ledger)
                ledger.Complete(forecast.Packet);
        }
    }
}
