using StreamRnn.Ingest.Mqtt.Delivery;

namespace StreamRnn.Ingest.Tests.Mqtt.Delivery;

/// <summary>A journal that remembers what it was told, and whose disk is as fast as the test says.</summary>
internal sealed class FakeJournal : IDeliveryJournal
{
    private readonly Dictionary<string, PacketSource> _sources = [];
    private readonly List<string> _said = [];
    private readonly Queue<(PacketLedger Ledger, long Packet)> _owed = new();
    private long _position;

    /// <summary>The sessions are those of an earlier run.</summary>
    public bool Knows { get; init; }

    /// <summary>Releases stay open until <see cref="Commit"/>.</summary>
    public bool HoldsReleases { get; init; }

    public bool IsStuck { get; set; }

    public List<byte[]> SessionRecords { get; } = [];

    public string[] Said
    {
        get
        {
            lock (_said)
                return [.. _said];
        }
    }

    public PacketSource Open(string name, DuplicateRule rule, bool isResumed)
    {
        Say($"open {name} {rule} {(isResumed ? "resumed" : "new")}");
        if (!_sources.TryGetValue(name, out PacketSource? source))
            _sources[name] = source = new PacketSource(_sources.Count + 1, name, rule, capacity: 100);
        source.Connect(isResumed);
        source.IsKnown = Knows;
        return source;
    }

    public void Close(PacketSource source) => Say($"close {source.Name}");

    public void Release(PacketSource source, ushort packetId, PacketLedger ledger, long packet)
    {
        source.Release(packetId);
        Say($"release {source.Name} {packetId}");
        if (HoldsReleases)
            _owed.Enqueue((ledger, packet));
        else
            ledger.Complete(packet);
    }

    public void Commit()
    {
        while (_owed.TryDequeue(out (PacketLedger Ledger, long Packet) owed))
            owed.Ledger.Complete(owed.Packet);
    }

    public void Confirm(PacketSource source, long position) => Say($"confirm {source.Name} {position}");

    public long Append(ReadOnlySpan<byte> record)
    {
        lock (_said)
            SessionRecords.Add(record.ToArray());
        return ++_position;
    }

    public void WaitUntilDurable(long position)
    {
    }

    private void Say(string what)
    {
        lock (_said)
            _said.Add(what);
    }
}
