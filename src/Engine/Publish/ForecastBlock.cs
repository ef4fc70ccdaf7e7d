using StreamRnn.Detection;
using StreamRnn.Ingest.Intake;
using StreamRnn.Ingest.Mqtt.Delivery;
using StreamRnn.Ingest.Ticks;

namespace StreamRnn.Engine.Publish;

/// <summary>
/// A block of forecasts on the way from a shard to the publisher: a reused array and its fill. Ticks without a forecast, because they are
/// held or dropped, travel along: their packets must be acknowledged too.
/// </summary>
public sealed class ForecastBlock(int capacity)
{
    private readonly Forecast[] _forecasts = new Forecast[capacity];
    private readonly Silent[] _silent = new Silent[capacity];
    private int _silentCount;
    private long _lastSilent;

    public int Count { get; private set; }

    /// <summary>Ticks that still fit, whatever becomes of them.</summary>
    public int Room => _forecasts.Length - Math.Max(Count, _silentCount);

    /// <summary>True if nothing is to be handed on.</summary>
    public bool IsEmpty => Count == 0 && _silentCount == 0 && Barrier == 0;

    public ReadOnlySpan<Forecast> Forecasts => _forecasts.AsSpan(0, Count);

    /// <summary>Position of a barrier right behind this block; 0 without one.</summary>
    public long Barrier { get; set; }

    /// <summary>The last place in the journal of what it holds; they rise.</summary>
    public long LastPosition => Math.Max(_lastSilent, Count == 0 ? 0 : _forecasts[Count - 1].Position);

    /// <summary>Adds what was said of a tick, written where it stays: a forecast is too large to be copied on the way.</summary>
    /// <param name="isDone">True if the tick's packet is owed no other step for it.</param>
    public void Add(in Tick tick, in TickOrigin origin, int kind, in Verdict verdict, bool isDone = true)
    {
        ref Forecast forecast = ref _forecasts[Count++];
        forecast.Stream = tick.Stream;
        forecast.Kind = kind;
        forecast.Time = tick.Time;
        forecast.Value = tick.Value;
        forecast.Verdict = verdict;
        forecast.ReceivedAt = origin.ReceivedAt;
        forecast.Trace = origin.Trace;
        forecast.Ledger = isDone ? origin.Ledger : null;
        forecast.Packet = origin.Packet;
        forecast.Position = origin.Position;
        forecast.Number = tick.Number;
    }

    /// <summary>Adds a tick that gives no forecast.</summary>
    public void AddSilent(in TickOrigin origin)
    {
        _lastSilent = origin.Position;
        if (origin.Ledger is not null)
            _silent[_silentCount++] = new Silent(origin.Ledger, origin.Packet, origin.Position);
    }

    public void Clear()
    {
        (Count, _silentCount, _lastSilent, Barrier) = (0, 0, 0, 0);
    }

    /// <summary>Completes the packets of these ticks, which are durable.</summary>
    /// <param name="batch">Takes the ledgers that have an acknowledgement to send.</param>
    public void Complete(ref AckBatch batch)
    {
        foreach (ref readonly Forecast forecast in Forecasts)
            forecast.Ledger?.Complete(forecast.Packet, ref batch);
        foreach (ref readonly Silent tick in _silent.AsSpan(0, _silentCount))
            tick.Ledger.Complete(tick.Packet, ref batch);
    }

    /// <summary>Completes the packets of these ticks, each once its position is durable.</summary>
    public void CompleteWhenDurable(ITickLog log)
    {
        foreach (ref readonly Forecast forecast in Forecasts)
        {
            if (forecast.Ledger is PacketLedger ledger)
                log.Acknowledge(forecast.Position, ledger, forecast.Packet);
        }
        foreach (ref readonly Silent tick in _silent.AsSpan(0, _silentCount))
            log.Acknowledge(tick.Position, tick.Ledger, tick.Packet);
    }

    private readonly record struct Silent(PacketLedger Ledger, long Packet, long Position);
}
