using StreamRnn.Engine.Storage;

namespace StreamRnn.Engine.Journal;

/// <summary>Writes frames to the disk, one segment after the other, see <see cref="LogFormat"/>. By one thread.</summary>
/// <param name="segmentBytes">Approximate size of a segment.</param>
/// <param name="crc">Of the last frame before.</param>
internal sealed class SegmentWriter(IDataFiles files, int segmentBytes, uint crc) : IDisposable
{
    /// <summary>Zeros kept behind the end of a segment: a commit of a few ticks then is one block on the disk instead of two.</summary>
    private const int Ahead = 64 << 10;

    private IDataFile? _segment;
    private uint _crc = crc;

    /// <summary>Writes a frame; when it returns true it is on the disk.</summary>
    /// <returns>False where the disk is full; then the log is as before.</returns>
    /// <exception cref="IOException">It cannot be written. What is on the disk nobody knows.</exception>
    public bool TryWrite(FrameBuffer frame)
    {
        uint crc = frame.Seal(_crc);
        if (_segment is not null && _segment.Length + frame.Bytes.Length > segmentBytes)
            End();
        if (_segment is null && !TryBegin(frame.FirstPosition))
            return false;

        long before = _segment!.Length;
        try
        {
            _segment.Append(frame.Bytes);
        }
        catch (IOException e) when (e.IsDiskFull())
        {
            _segment.Truncate(before);
            return false;
        }
        _segment.Flush();
        _crc = crc;
        return true;
    }

    /// <summary>Cuts the segment where it ends, on the disk as well: nothing but frames may come before the next.</summary>
    /// <exception cref="IOException">It cannot be cut.</exception>
    public void End()
    {
        if (_segment is not IDataFile segment)
            return;
        _segment = null;
        using (segment)
        {
            segment.Truncate(segment.Length);
            segment.Flush();
        }
    }

    /// <summary>Leaves the segment as it is: a start cuts it.</summary>
    public void Dispose() => _segment?.Dispose();

    private bool TryBegin(long firstPosition)
    {
        IDataFile? segment = null;
        string name = LogFormat.SegmentName(firstPosition);
        try
        {
            segment = files.Create(name, Ahead);
            segment.Append(LogFormat.SegmentHeader(firstPosition, _crc));
        }
        catch (IOException e) when (e.IsDiskFull())
        {
            if (segment is not null)
            {
                segment.Dispose();
                files.Delete(name);
            }
            return false;
        }
        segment.Flush();
        files.FlushNames();
        _segment = segment;
        return true;
    }
}
