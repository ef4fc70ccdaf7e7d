using StreamRnn.Ingest.Faults;
using StreamRnn.Ingest.Mqtt.Codec;
using StreamRnn.Ingest.Mqtt.Delivery;
using StreamRnn.Ingest.Payloads;
using StreamRnn.Ingest.Ticks;

namespace StreamRnn.Ingest.Intake;

/// <summary>
/// The one door from bytes to ticks: refuses what must not step, decodes the rest, finds the streams and hands the ticks to their shards.
/// Called by the reading threads of all connections; allocates nothing once a thread has warmed up, except for a stream's first tick and
/// for truncated JSON.
/// </summary>
/// <remarks>
/// The sums close: every value of a payload is accepted or refused, and a packet refused before its values are known counts as one refusal.
/// Every packet above QoS 0 is opened in its ledger exactly once, refused ones with nothing to wait for.
/// </remarks>
/// <param name="log">Takes ticks before they step.</param>
public sealed class PacketIntake(
    StreamDirectory directory, TickRouter router, FaultCounters faults, TimeProvider clock, IntakeOptions options, ITickLog log)
{
    /// <summary>Most ticks of one packet.</summary>
    public const int MaximumTicks = ReadingBuffer.Capacity;

    private static readonly Action<PacketBlocks, long> WriteBlocks = static (blocks, position) => blocks.Write(position);

    [ThreadStatic] private static Scratch? _scratch;

    private readonly byte[] _ownPrefix = System.Text.Encoding.UTF8.GetBytes(options.OwnPrefix ?? "");
    private readonly byte[][] _subscribed = [.. options.Subscribed.Select(System.Text.Encoding.UTF8.GetBytes)];
    private readonly (byte[] Filter, bool AreNumbered)[] _numbering =
        [.. options.Numbering.Select(topics => (System.Text.Encoding.UTF8.GetBytes(topics.Filter), topics.AreNumbered))];
    private readonly long _maximumAhead = (long)options.MaximumAhead.TotalMicroseconds * 1000;
    private long _packets;
    private long _packetsRefused;
    private long _packetsRepeated;
    private long _ticksAccepted;

    /// <summary>Packets that came; each was accepted, with at least one tick, or refused, or a repeat.</summary>
    public long PacketCount => Interlocked.Read(ref _packets);

    /// <summary>Packets of which nothing was accepted.</summary>
    public long RefusedPacketCount => Interlocked.Read(ref _packetsRefused);

    /// <summary>Packets that had been taken in before: acknowledged again, not stepped again.</summary>
    public long RepeatedPacketCount => Interlocked.Read(ref _packetsRepeated);

    /// <summary>Ticks handed to the shards.</summary>
    public long AcceptedTickCount => Interlocked.Read(ref _ticksAccepted);

    /// <summary>Takes a packet in. Above QoS 0 it waits while a shard is full, and the peer with it.</summary>
    /// <returns>The number of ticks accepted; 0 if the packet was refused or is redelivered.</returns>
    public int Accept(in Packet packet)
    {
        Interlocked.Increment(ref _packets);
        if (packet.Qos == 0 || packet.Source is not PacketSource source)
            return Accept(in packet, hash: 0);

        lock (source.Lock)
        {
            ulong hash = ContentHash.Of(packet.Payload, ContentHash.Of(packet.Topic, seed: 0));
            if (!source.IsRepeat(in packet, hash, out long position))
                return Accept(in packet, hash);
            Interlocked.Increment(ref _packetsRepeated);
            PacketLedger ledger = LedgerOf(packet);
            long number = Open(ledger, packet, count: 1);
            ledger.SetPosition(number, position);   // its acknowledgement settles the original
            log.Acknowledge(position, ledger, number);
            return 0;
        }
    }

    private int Accept(in Packet packet, ulong hash)
    {
        Scratch scratch = _scratch ??= new Scratch();
        int count = 0;
        TickFault fault = Check(packet);
        if (fault == TickFault.None)
        {
            long arrival = EventTime.Now(clock);
            fault = PayloadDecoder.Decode(packet.Payload, arrival, options.TimeZone, scratch.Readings, IsNumbered(packet.Topic));
            if (fault == TickFault.None)
                count = Gather(packet, arrival, scratch);
        }
        if (fault != TickFault.None)
            faults.Refuse(fault, packet.Topic);

        count = packet.Qos == 0 ? Offer(packet, scratch, count) : Deliver(packet, hash, scratch, count);
        if (count == 0)
            Interlocked.Increment(ref _packetsRefused);
        else
            Interlocked.Add(ref _ticksAccepted, count);
        return count;
    }

    private TickFault Check(in Packet packet)
    {
        if (IsUnder("$SYS"u8, packet.Topic) || (_ownPrefix.Length > 0 && IsUnder(_ownPrefix, packet.Topic)))
            return TickFault.OwnOutput;
        if (!IsSubscribed(packet.Topic))
            return TickFault.NotSubscribed;
        if (packet.Retained && !options.AcceptRetained)
            return TickFault.Retained;
        return packet.Payload.Length > options.MaximumPayloadBytes ? TickFault.PayloadTooLarge : TickFault.None;
    }

    private bool IsSubscribed(ReadOnlySpan<byte> topic)
    {
        foreach (byte[] filter in _subscribed)
        {
            if (MqttTopic.Matches(filter, topic))
                return true;
        }
        return _subscribed.Length == 0;
    }

    private bool IsNumbered(ReadOnlySpan<byte> topic)
    {
        foreach ((byte[] filter, bool areNumbered) in _numbering)
        {
            if (MqttTopic.Matches(filter, topic))
                return areNumbered;
        }
        return false;
    }

    private static bool IsUnder(ReadOnlySpan<byte> prefix, ReadOnlySpan<byte> topic) =>
        topic.StartsWith(prefix) && (topic.Length == prefix.Length || topic[prefix.Length] == (byte)'/');

    /// <summary>Makes ticks of the readings that have a stream and a credible time.</summary>
    private int Gather(in Packet packet, long arrival, Scratch scratch)
    {
        ReadingBuffer readings = scratch.Readings;
        if (readings.RefusedCount > 0)
            for (TickFault fault = TickFault.None; fault <= TickFault.ProtocolError; fault++)
                if (readings.Refused(fault) is > 0 and int refused)
                    faults.Refuse(fault, packet.Topic, refused);

        PacketBlocks blocks = scratch.Blocks;
        blocks.Begin();
        foreach (ref readonly Reading reading in readings.Readings)
        {
            long time = reading.Time == ReadingBuffer.NoTime ? arrival : reading.Time;
            int stream = -1;
            TickFault fault = time > arrival + _maximumAhead
                ? TickFault.FarFuture
                : directory.TryGet(packet.Topic, readings.Path(reading), out stream);
            if (fault != TickFault.None)
                faults.Refuse(fault, packet.Topic);
            else
                blocks.Add(new Tick
                {
                    Stream = stream,
                    Time = time,
                    Value = reading.Value,
                    Number = readings.Number,
                    Numbering = !readings.IsNumbered ? TickNumbering.None
                        : reading.Time == ReadingBuffer.NoTime ? TickNumbering.Number : TickNumbering.NumberAndTime,
                });
        }
        return blocks.Ticks.Length;
    }

    private int Offer(in Packet packet, Scratch scratch, int count)
    {
        TickFault fault = count == 0 ? TickFault.None : OfferTicks(packet, scratch.Blocks);
        if (fault == TickFault.None)
            return count;
        faults.Refuse(fault, packet.Topic, count);
        return 0;
    }

    private TickFault OfferTicks(in Packet packet, PacketBlocks blocks)
    {
        blocks.Origin = new TickOrigin { ReceivedAt = packet.ReceivedAt, Trace = packet.Trace };
        if (!router.TryReserve(blocks))
            return TickFault.QueueFull;
        return TryAppend(in packet, hash: 0, blocks) ? TickFault.None : TickFault.DiskFull;
    }

    private int Deliver(in Packet packet, ulong hash, Scratch scratch, int count)
    {
        PacketLedger ledger = LedgerOf(packet);
        long number = Open(ledger, packet, count);
        if (count == 0)
            return 0;
        scratch.Blocks.Origin = new TickOrigin { Ledger = ledger, Packet = number, ReceivedAt = packet.ReceivedAt, Trace = packet.Trace };
        router.Reserve(scratch.Blocks);
        return TryAppend(in packet, hash, scratch.Blocks) ? count : 0;
    }

    private bool TryAppend(in Packet packet, ulong hash, PacketBlocks blocks)
    {
        if (log.TryAppend(in packet, hash, blocks, WriteBlocks))
            return true;
        blocks.Release();
        return false;
    }

    private static PacketLedger LedgerOf(in Packet packet) =>
        packet.Ledger ?? throw new ArgumentException("A packet above QoS 0 needs a ledger.", nameof(packet));

    private static long Open(PacketLedger ledger, in Packet packet, int count)
    {
        long number = ledger.TryOpen(packet.PacketId, packet.Qos, count);
        return number >= 0
            ? number
            : throw new InvalidOperationException("The ledger is full: its connection must not hand over more than it allowed the peer.");
    }

    /// <summary>The buffers of one reading thread, grown to the largest packet it has met.</summary>
    private sealed class Scratch
    {
        public ReadingBuffer Readings { get; } = new();

        public PacketBlocks Blocks { get; } = new();
    }
}
