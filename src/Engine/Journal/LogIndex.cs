using System.Text;
using StreamRnn.Ingest.Mqtt.Delivery;
using StreamRnn.Ingest.Ticks;

namespace StreamRnn.Engine.Journal;

/// <summary>
/// Index of the log's content, without the states of streams: names in their order, and sessions with what they may redeliver.
/// </summary>
/// <param name="redeliveryCapacity">Packets a client of the embedded broker may have unacknowledged.</param>
public sealed class LogIndex(StreamDirectory directory, int redeliveryCapacity)
{
    /// <summary>Packets that a broker can have sent without our confirmed acknowledgement: all its packet ids, twice.</summary>
    public const int OutsideCapacity = 1 << 17;

    private readonly Dictionary<string, PacketSource> _byName = [];
    private readonly Dictionary<int, PacketSource> _byId = [];
    private int _lastSource;

    public StreamDirectory Directory { get; } = directory;

    /// <summary>Streams whose names are written down.</summary>
    public int DefinedStreams { get; set; }

    /// <summary>The broker has every output up to here, by its own word.</summary>
    public long ConfirmedOutputs { get; set; }

    public IReadOnlyCollection<PacketSource> Sources => _byId.Values;

    public PacketSource? Find(string name) => _byName.GetValueOrDefault(name);

    /// <summary>Null where the session is over: the reader of its last connection may have been behind.</summary>
    public PacketSource? Source(int id) => _byId.GetValueOrDefault(id);

    public PacketSource Add(string name, DuplicateRule rule) => Add(_lastSource + 1, name, rule);

    public PacketSource Add(int id, string name, DuplicateRule rule)
    {
        PacketSource source = new(id, name, rule, rule == DuplicateRule.UntilBarrier ? OutsideCapacity : redeliveryCapacity);
        _byName[name] = source;
        _byId[id] = source;
        _lastSource = Math.Max(_lastSource, id);
        return source;
    }

    public void Remove(PacketSource source)
    {
        _byName.Remove(source.Name);
        _byId.Remove(source.Id);
    }

    /// <summary>Takes in a record that is no tick.</summary>
    public void Apply(in LogRecord record)
    {
        switch (record.Kind)
        {
            case LogRecordKind.Stream:
                if (!Directory.TryRestore(record.Bytes, record.Number))
                    throw new InvalidDataException($"the input log names the stream {Encoding.UTF8.GetString(record.Bytes)} twice");
                DefinedStreams++;
                break;
            case LogRecordKind.Source:
                Add(record.Source, Encoding.UTF8.GetString(record.Bytes), (DuplicateRule)record.Number);
                break;
            case LogRecordKind.SourceAnew:
                Source(record.Source)?.Connect(isResumed: false);
                break;
            case LogRecordKind.SourceGone:
                if (Source(record.Source) is PacketSource gone)
                    Remove(gone);
                break;
            case LogRecordKind.Release:
                Source(record.Source)?.Release(record.PacketId);
                break;
            case LogRecordKind.AcknowledgementsConfirmed:
                Source(record.Source)?.Confirm(record.Upto);
                break;
            case LogRecordKind.OutputsConfirmed:
                ConfirmedOutputs = Math.Max(ConfirmedOutputs, record.Upto);
                break;
        }
    }
}
