using System.Buffers.Binary;
using System.Globalization;
using System.Runtime.InteropServices;

namespace StreamRnn.Worker.Durability;

/// <summary>
/// State rows of one kind on the disk, in slots that are used again:
/// <code>
/// cold-SHARD-KIND.rows
/// slot    0  CRC-32C of the rest (4)   4  stream (4)   8  the row's floats
/// </code>
/// A shard's loop alone touches it. Nothing is flushed.
/// </summary>
internal sealed class ColdRows(IDataFiles files, string name, int rowFloats) : IDisposable
{
    private const int HeaderBytes = 8;

    private readonly byte[] _slot = new byte[HeaderBytes + (rowFloats * sizeof(float))];
    private IDataFile? _file;
    private int[] _free = [];
    private int _freeCount;
    private int _slots;
    private long _evicted;
    private long _returned;

    public RowTraffic Evicted => Traffic(ref _evicted);

    public RowTraffic Returned => Traffic(ref _returned);

    public static string Name(int shard, int kind) => string.Create(CultureInfo.InvariantCulture, $"cold-{shard}-{kind}.rows");

    public static bool IsName(string name) => name.StartsWith("cold-", StringComparison.Ordinal) && name.EndsWith(".rows", StringComparison.Ordinal);

    /// <summary>Writes a row into a slot that is free.</summary>
    /// <returns>False where the disk is full; then nothing is changed.</returns>
    /// <exception cref="ColdRowsException">It cannot be written.</exception>
    public bool TryAdd(int stream, ReadOnlySpan<float> row, out int slot)
    {
        slot = _freeCount > 0 ? _free[_freeCount - 1] : _slots;
        try
        {
            Write(slot, stream, row);
        }
        catch (IOException e) when (e.IsDiskFull())
        {
            return false;
        }
        if (_freeCount > 0)
            _freeCount--;
        else
            _slots++;
        Volatile.Write(ref _evicted, _evicted + 1);
        return true;
    }

    /// <summary>Writes over a row.</summary>
    /// <exception cref="ColdRowsException">It cannot be written.</exception>
    public void Replace(int slot, int stream, ReadOnlySpan<float> row) => Write(slot, stream, row);

    /// <summary>Reads a row and frees its slot.</summary>
    /// <exception cref="ColdRowsException">It cannot be read, or is not what was written.</exception>
    public void Take(int slot, int stream, Span<float> row)
    {
        Read(slot, stream, row);
        Remove(slot);
        Volatile.Write(ref _returned, _returned + 1);
    }

    public void Remove(int slot)
    {
        if (_freeCount == _free.Length)
            Array.Resize(ref _free, Math.Max(16, 2 * _freeCount));
        _free[_freeCount++] = slot;
    }

    /// <summary>Reads a row that stays where it is.</summary>
    /// <exception cref="ColdRowsException">It cannot be read, or is not what was written.</exception>
    public void Read(int slot, int stream, Span<float> row)
    {
        int read;
        try
        {
            read = _file!.Read((long)slot * _slot.Length, _slot);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw Lost("cannot be read", e);
        }
        if (read < _slot.Length || BinaryPrimitives.ReadUInt32LittleEndian(_slot) != LogFormat.Crc(_slot.AsSpan(4)) || MemoryMarshal.Read<int>(_slot.AsSpan(4)) != stream)
            throw Lost($"does not hold the state of stream {stream} at byte {(long)slot * _slot.Length} any more", null);
        MemoryMarshal.Cast<byte, float>(_slot.AsSpan(HeaderBytes)).CopyTo(row);
    }

    public void Dispose() => _file?.Dispose();

    private void Write(int slot, int stream, ReadOnlySpan<float> row)
    {
        MemoryMarshal.Write(_slot.AsSpan(4), stream);
        MemoryMarshal.AsBytes(row).CopyTo(_slot.AsSpan(HeaderBytes));
        BinaryPrimitives.WriteUInt32LittleEndian(_slot, LogFormat.Crc(_slot.AsSpan(4)));
        try
        {
            _file ??= files.Create(name);
            _file.Write((long)slot * _slot.Length, _slot);
        }
        catch (Exception e) when ((e is IOException io && !io.IsDiskFull()) || e is UnauthorizedAccessException)
        {
            throw Lost("cannot be written", e);
        }
    }

    private RowTraffic Traffic(ref long rows) => new(Volatile.Read(ref rows), Volatile.Read(ref rows) * _slot.Length);

    private ColdRowsException Lost(string what, Exception? inner) => new(
        $"{name} {what}{(inner is null ? "" : $": {inner.Message.TrimEnd('.')}")}. Nothing that was acknowledged is lost: the next start makes it again from snapshot "
        + "and log. Look at the disk before starting the worker again, or raise Limits:StreamsInMemory", inner);
}

/// <summary>A state row on the disk cannot be had.</summary>
internal sealed class ColdRowsException(string message, Exception? inner) : IOException(message, inner);
