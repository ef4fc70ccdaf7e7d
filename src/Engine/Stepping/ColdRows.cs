using System.Buffers.Binary;
using System.Globalization;
using System.Runtime.InteropServices;
using StreamRnn.Engine.Storage;

namespace StreamRnn.Engine.Stepping;

/// <summary>
/// State rows of one kind on the disk, in slots that are used again:
/// <code>
/// cold-SHARD-KIND.rows
/// slot    0  CRC-32C of the rest (4)   4  stream (4)   8  the row's floats
/// </code>
/// A shard's loop alone touches it. Nothing is flushed.
/// </summary>
public sealed class ColdRows(IDataFiles files, string name, int rowFloats) : IDisposable
{
    private const int HeaderBytes = 8;
    private const int RunBytes = 64 << 10;

    private readonly byte[] _slot = new byte[HeaderBytes + (rowFloats * sizeof(float))];
    private IDataFile? _file;
    private byte[]? _run;   // restored rows that follow each other
    private int _runStart;
    private int _runCount;
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
        if (_runCount > 0)
            EndRestore();
        slot = _freeCount > 0 ? _free[_freeCount - 1] : _slots;
        Fill(_slot, stream, row);
        try
        {
            Write(slot, _slot);
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

    /// <summary>Writes a row as it comes from a snapshot: those that follow each other go to the disk together.</summary>
    /// <param name="slot">Slot of an older state of the stream; -1 for a new slot.</param>
    /// <returns>The slot.</returns>
    /// <exception cref="ColdRowsException">It cannot be written, or one before it could not.</exception>
    public int Restore(int slot, int stream, ReadOnlySpan<float> row)
    {
        if (slot < 0)
            slot = _slots++;
        _run ??= new byte[Math.Max(1, RunBytes / _slot.Length) * _slot.Length];
        if (_runCount > 0 && (slot != _runStart + _runCount || _runCount * _slot.Length == _run.Length))
            EndRestore();
        if (_runCount == 0)
            _runStart = slot;
        Fill(_run.AsSpan(_runCount++ * _slot.Length, _slot.Length), stream, row);
        return slot;
    }

    /// <summary>Reads a row and frees its slot.</summary>
    /// <exception cref="ColdRowsException">It cannot be read, or is not what was written.</exception>
    public void Take(int slot, int stream, Span<float> row)
    {
        Read(slot, stream, row);
        Remove(slot);
        Volatile.Write(ref _returned, _returned + 1);
    }

    /// <summary>Forgets all rows and gives their room on the disk back.</summary>
    /// <exception cref="ColdRowsException">The file cannot be cut.</exception>
    public void Clear()
    {
        (_free, _freeCount, _slots, _runCount) = ([], 0, 0, 0);
        try
        {
            _file?.Truncate(0);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw Lost("cannot be cut", e);
        }
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
        if (_runCount > 0)
            EndRestore();
        int read;
        try
        {
            read = _file!.Read((long)slot * _slot.Length, _slot);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw Lost("cannot be read", e);
        }
        if (read < _slot.Length || BinaryPrimitives.ReadUInt32LittleEndian(_slot) != Crc32C.Of(_slot.AsSpan(4)) || MemoryMarshal.Read<int>(_slot.AsSpan(4)) != stream)
            throw Lost($"does not hold the state of stream {stream} at byte {(long)slot * _slot.Length} any more", null);
        MemoryMarshal.Cast<byte, float>(_slot.AsSpan(HeaderBytes)).CopyTo(row);
    }

    public void Dispose() => _file?.Dispose();

    private static void Fill(Span<byte> slot, int stream, ReadOnlySpan<float> row)
    {
        MemoryMarshal.Write(slot[4..], stream);
        MemoryMarshal.AsBytes(row).CopyTo(slot[HeaderBytes..]);
        BinaryPrimitives.WriteUInt32LittleEndian(slot, Crc32C.Of(slot[4..]));
    }

    private void EndRestore()
    {
        (int count, _runCount) = (_runCount, 0);
        try
        {
            Write(_runStart, _run.AsSpan(0, count * _slot.Length));
        }
        catch (IOException e) when (e.IsDiskFull())
        {
            throw Lost("has no room on the disk", e);
        }
    }

    private void Write(int slot, ReadOnlySpan<byte> bytes)
    {
        try
        {
            _file ??= files.Create(name);
            _file.Write((long)slot * _slot.Length, bytes);
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
public sealed class ColdRowsException(string message, Exception? inner) : IOException(message, inner);
