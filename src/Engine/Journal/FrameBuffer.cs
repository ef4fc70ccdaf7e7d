using System.Buffers.Binary;
using StreamRnn.Engine.Storage;
using StreamRnn.Ingest.Mqtt.Delivery;
using StreamRnn.Ingest.Ticks;

namespace StreamRnn.Engine.Journal;

/// <summary>A frame that is being filled, see <see cref="LogFormat"/>, and the acknowledgements that wait for it. Reused.</summary>
internal sealed class FrameBuffer
{
    /// <summary>Most bytes that a tick takes.</summary>
    public const int MostTickBytes = 23;

    /// <summary>Most bytes that the name of a stream takes.</summary>
    public const int MostNameBytes = 20 + StreamDirectory.MaximumNameBytes;

    private byte[] _bytes = new byte[64 << 10];
    private int _length = LogFormat.FrameHeaderBytes;
    private long _lastTime;

    public long FirstPosition { get; private set; }

    /// <summary>The position of the next record.</summary>
    public long NextPosition { get; private set; }

    /// <summary>Positions in it.</summary>
    public int Count => (int)(NextPosition - FirstPosition);

    public List<(PacketLedger Ledger, long Packet)> Owed { get; } = [];

    /// <summary>The whole frame, sealed.</summary>
    public ReadOnlySpan<byte> Bytes => _bytes.AsSpan(0, _length);

    public void Begin(long firstPosition)
    {
        (FirstPosition, NextPosition) = (firstPosition, firstPosition);
        (_length, _lastTime) = (LogFormat.FrameHeaderBytes, 0);
        Owed.Clear();
    }

    /// <summary>Completes the header.</summary>
    /// <param name="crcBefore">Of the frame before.</param>
    /// <returns>The frame's CRC.</returns>
    public uint Seal(uint crcBefore)
    {
        Span<byte> bytes = _bytes.AsSpan(0, _length);
        LogFormat.FrameMagic.CopyTo(bytes);
        BinaryPrimitives.WriteInt32LittleEndian(bytes[4..], _length - LogFormat.FrameHeaderBytes);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes[12..], crcBefore);
        BinaryPrimitives.WriteInt32LittleEndian(bytes[16..], Count);
        BinaryPrimitives.WriteInt64LittleEndian(bytes[20..], FirstPosition);
        uint crc = Crc32C.Of(bytes[12..]);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes[8..], crc);
        return crc;
    }

    public void Stream(ReadOnlySpan<byte> name, int topicLength)
    {
        Begin(LogRecordKind.Stream, 20 + name.Length);
        Number((ulong)name.Length);
        Number((ulong)topicLength);
        Raw(name);
        NextPosition++;
    }

    /// <summary>A packet; each of its ticks takes a position.</summary>
    public void Packet(in Packet packet, ulong hash, ReadOnlySpan<Tick> ticks)
    {
        if (ticks[0].Numbering != TickNumbering.None)
        {
            Begin(LogRecordKind.Number, 11);
            _bytes[_length++] = (byte)ticks[0].Numbering;
            Signed(ticks[0].Number);
        }

        // A tick takes at most 5 + 10 + 8 bytes.
        if (packet.Qos == 0 || packet.Source is not { Id: > 0 } source)
        {
            Begin(LogRecordKind.Packet, 16 + (MostTickBytes * ticks.Length));
        }
        else
        {
            Begin(LogRecordKind.SessionPacket, 32 + (MostTickBytes * ticks.Length));
            Number((ulong)source.Id);
            _bytes[_length++] = packet.Qos;
            Raw(packet.PacketId);
            Raw(hash);
        }
        Number((ulong)ticks.Length);
        NextPosition += ticks.Length;
        foreach (ref readonly Tick tick in ticks)
        {
            Number((ulong)tick.Stream);
            Signed(unchecked(tick.Time - _lastTime));
            _lastTime = tick.Time;
            Raw(BitConverter.DoubleToUInt64Bits(tick.Value));
        }
    }

    public void Source(PacketSource source)
    {
        byte[] name = System.Text.Encoding.UTF8.GetBytes(source.Name);
        Begin(LogRecordKind.Source, 24 + name.Length);
        Number((ulong)source.Id);
        _bytes[_length++] = (byte)source.Rule;
        Number((ulong)name.Length);
        Raw(name);
        NextPosition++;
    }

    public void SourceEvent(LogRecordKind kind, int source)
    {
        Begin(kind, 10);
        Number((ulong)source);
        NextPosition++;
    }

    public void Release(int source, ushort packetId)
    {
        Begin(LogRecordKind.Release, 12);
        Number((ulong)source);
        Raw(packetId);
        NextPosition++;
    }

    public void AcknowledgementsConfirmed(int source, long position)
    {
        Begin(LogRecordKind.AcknowledgementsConfirmed, 20);
        Number((ulong)source);
        Number((ulong)position);
        NextPosition++;
    }

    public void OutputsConfirmed(long position)
    {
        Begin(LogRecordKind.OutputsConfirmed, 10);
        Number((ulong)position);
        NextPosition++;
    }

    public void Reset(int stream)
    {
        Begin(LogRecordKind.Reset, 10);
        Number((ulong)stream);
        NextPosition++;
    }

    /// <summary>A record that is nothing but bytes.</summary>
    public void Text(LogRecordKind kind, ReadOnlySpan<byte> bytes)
    {
        Begin(kind, 10 + bytes.Length);
        Number((ulong)bytes.Length);
        Raw(bytes);
        NextPosition++;
    }

    private void Begin(LogRecordKind kind, int most)
    {
        if (_length + 1 + most > _bytes.Length)
            Array.Resize(ref _bytes, Math.Max(2 * _bytes.Length, _length + 1 + most));
        _bytes[_length++] = (byte)kind;
    }

    private void Number(ulong number)
    {
        for (; number >= 0x80; number >>= 7)
            _bytes[_length++] = (byte)(number | 0x80);
        _bytes[_length++] = (byte)number;
    }

    private void Signed(long number) => Number((ulong)(number << 1 ^ number >> 63));

    private void Raw(ushort value)
    {
        BinaryPrimitives.WriteUInt16LittleEndian(_bytes.AsSpan(_length), value);
        _length += sizeof(ushort);
    }

    private void Raw(ulong value)
    {
        BinaryPrimitives.WriteUInt64LittleEndian(_bytes.AsSpan(_length), value);
        _length += sizeof(ulong);
    }

    private void Raw(ReadOnlySpan<byte> bytes)
    {
        bytes.CopyTo(_bytes.AsSpan(_length));
        _length += bytes.Length;
    }
}
