using StreamRnn.Ingest.Faults;
using StreamRnn.Ingest.Recordings;
using StreamRnn.Ingest.Ticks;

namespace StreamRnn.Engine.Replay;

/// <summary>Consecutive rows of a recording: read, stepped, written, then reused.</summary>
internal sealed class ReplayChunk(int columns)
{
    public const int Capacity = 256;

    private readonly int[] _textEnds = new int[Capacity];
    private readonly ReplayRow[] _results = new ReplayRow[Capacity * columns];
    private byte[] _text = new byte[Capacity * 24];
    private long _firstRow;
    private int _rows;
    private int _awaited;

    /// <summary>Every value that could be stepped has its verdict.</summary>
    public bool IsComplete => Volatile.Read(ref _awaited) == 0;

    public int Rows => _rows;

    /// <summary>Reads the next rows and makes ticks of those values that can be stepped.</summary>
    /// <param name="ticks">Cleared and filled; the stream of column c is <paramref name="firstStream"/> + c.</param>
    /// <returns>False where the recording has no more rows.</returns>
    public bool Read(CsvRecording recording, int firstStream, List<Tick> ticks)
    {
        ticks.Clear();
        (_rows, _awaited, _firstRow) = (0, 0, recording.RowCount);
        while (_rows < Capacity && recording.TryRead())
        {
            for (int column = 0; column < columns; column++)
            {
                _results[(_rows * columns) + column] = ReplayRow.Unstepped;
                if (recording.TryGetValue(column, out double value) == TickFault.None)
                    ticks.Add(new Tick { Stream = firstStream + column, Time = recording.Time, Value = value, Number = _firstRow + _rows });
            }
            Keep(recording.TimeText);
        }
        _awaited = ticks.Count;
        return _rows > 0;
    }

    /// <summary>True if the chunk holds the row.</summary>
    public bool Holds(long row) => (ulong)(row - _firstRow) < (ulong)_rows;

    /// <returns>True with the last result that was awaited.</returns>
    public bool Set(long row, int column, in ReplayRow result)
    {
        _results[((row - _firstRow) * columns) + column] = result;
        int awaited = _awaited - 1;
        Volatile.Write(ref _awaited, awaited);
        return awaited == 0;
    }

    public void WriteTo(ReplayWriter[] outputs)
    {
        for (int row = 0, start = 0; row < _rows; start = _textEnds[row++])
        {
            for (int column = 0; column < columns; column++)
                outputs[column].Write(_text.AsSpan(start, _textEnds[row] - start), in _results[(row * columns) + column]);
        }
    }

    private void Keep(ReadOnlySpan<byte> timeText)
    {
        int start = _rows == 0 ? 0 : _textEnds[_rows - 1];
        if (start + timeText.Length > _text.Length)
            Array.Resize(ref _text, 2 * (start + timeText.Length));
        timeText.CopyTo(_text.AsSpan(start));
        _textEnds[_rows++] = start + timeText.Length;
    }
}
