using System.Buffers.Binary;
using StreamRnn.Ingest.Mqtt.Delivery;
using StreamRnn.Ingest.Ticks;

namespace StreamRnn.Engine.Journal;

/// <summary>A record as it lies in its frame. Which members mean something depends on the kind, see <see cref="LogFormat"/>.</summary>
public ref struct LogRecord
{
    public LogRecordKind Kind;

    /// <summary>Position of the record; of a packet, its first tick's.</summary>
    public long Position;

    /// <summary>Number of the session.</summary>
    public int Source;

    public byte Qos;
    public ushort PacketId;
    public ulong Hash;

    /// <summary>Numbering of all its ticks.</summary>
    public TickNumbering Numbering;

    /// <summary>Number of the ticks, in the way that <see cref="Numbering"/> says.</summary>
    public long TickNumber;

    /// <summary>Number of ticks that follow, to be read with <see cref="FrameReader.ReadTick"/>.</summary>
    public int TickCount;

    /// <summary>Rule of a source; where the topic ends of a stream; stream of a reset.</summary>
    public int Number;

    /// <summary>Position up to which a confirmation confirms.</summary>
    public long Upto;

    /// <summary>Name, or bytes.</summary>
    public ReadOnlySpan<byte> Bytes;
}

/// <summary>Reads the records of a frame whose checksum was right: anything unexpected in it was written by another build.</summary>
internal ref struct FrameReader(ReadOnlySpan<byte> records, long firstPosition)
{
    private readonly ReadOnlySpan<byte> _records = records;
    private int _at;
    private long _lastTime;

    /// <summary>The position of the next record.</summary>
    public long Position { get; private set; } = firstPosition;

    /// <exception cref="InvalidDataException">The record is none that this build knows.</exception>
    public bool TryRead(out LogRecord record)
    {
        record = new LogRecord { Position = Position };
        if (_at == _records.Length)
            return false;
        record.Kind = (LogRecordKind)_records[_at++];
        if (record.Kind == LogRecordKind.Number)
        {
            record.Numbering = (TickNumbering)Raw(1)[0];
            record.TickNumber = Signed();
            record.Kind = (LogRecordKind)Raw(1)[0];
            if (record.Kind is not (LogRecordKind.Packet or LogRecordKind.SessionPacket))
                throw Unexpected();
        }
        switch (record.Kind)
        {
            case LogRecordKind.Stream:
                int length = Number();
                record.Number = Number();
                record.Bytes = Raw(length);
                break;
            case LogRecordKind.Packet:
                record.TickCount = Number();
                return true;
            case LogRecordKind.SessionPacket:
                record.Source = Number();
                record.Qos = Raw(1)[0];
                record.PacketId = BinaryPrimitives.ReadUInt16LittleEndian(Raw(2));
                record.Hash = BinaryPrimitives.ReadUInt64LittleEndian(Raw(8));
                record.TickCount = Number();
                return true;
            case LogRecordKind.Source:
                record.Source = Number();
                record.Number = Raw(1)[0];
                record.Bytes = Raw(Number());
                break;
            case LogRecordKind.SourceAnew or LogRecordKind.SourceGone:
                record.Source = Number();
                break;
            case LogRecordKind.Release:
                record.Source = Number();
                record.PacketId = BinaryPrimitives.ReadUInt16LittleEndian(Raw(2));
                break;
            case LogRecordKind.AcknowledgementsConfirmed:
                record.Source = Number();
                record.Upto = (long)Long();
                break;
            case LogRecordKind.OutputsConfirmed:
                record.Upto = (long)Long();
                break;
            case LogRecordKind.Reset:
                record.Number = Number();
                break;
            case LogRecordKind.BrokerSession or LogRecordKind.ServingPlan:
                record.Bytes = Raw(Number());
                break;
            default:
                throw Unexpected();
        }
        Position++;
        return true;
    }

    /// <summary>Reads the next tick of the packet just read.</summary>
    public void ReadTick(out int stream, out long time, out double value)
    {
        stream = Number();
        time = _lastTime = unchecked(_lastTime + Signed());
        value = BitConverter.UInt64BitsToDouble(BinaryPrimitives.ReadUInt64LittleEndian(Raw(8)));
        Position++;
    }

    public void SkipTicks(int count)
    {
        for (int i = 0; i < count; i++)
            ReadTick(out _, out _, out _);
    }

    private int Number()
    {
        ulong number = Long();
        return number <= int.MaxValue ? (int)number : throw Unexpected();
    }

    private long Signed()
    {
        ulong number = Long();
        return unchecked((long)(number >> 1 ^ (0 - (number & 1))));
    }

    private ulong Long()
    {
        ulong number = 0;
        for (int shift = 0; shift < 64; shift += 7)
        {
            byte part = Raw(1)[0];
            number |= (ulong)(part & 0x7F) << shift;
            if (part < 0x80)
                return number;
        }
        throw Unexpected();
    }

    private ReadOnlySpan<byte> Raw(int length)
    {
        if (length > _records.Length - _at)
            throw Unexpected();
        _at += length;
        return _records.Slice(_at - length, length);
    }

    private readonly InvalidDataException Unexpected() =>
        new($"the input log holds a record at position {Position} that this build does not know; was it written by a newer one? Start that one");
}
