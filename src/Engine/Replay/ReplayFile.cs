using StreamRnn.Engine.Publish;
using StreamRnn.Ingest.Recordings;
using StreamRnn.Ingest.Ticks;

namespace StreamRnn.Engine.Replay;

/// <summary>
/// One recording on its way through the engine. The reading thread fills chunks and sends their ticks, the publisher brings the verdicts,
/// and the thread that completes the oldest chunk writes it: memory is a few chunks, however long the file.
/// </summary>
internal sealed class ReplayFile : IDisposable
{
    private const int ChunkCount = 4;

    private readonly object _lock = new();
    private readonly CsvRecording _recording;
    private readonly ReplayWriter[] _outputs;
    private readonly Queue<ReplayChunk> _underWay = new();
    private readonly Stack<ReplayChunk> _free = new();
    private readonly List<Tick> _ticks = [];
    private readonly int _firstStream;

    /// <param name="firstStream">Stream of the first value column; the others follow.</param>
    /// <param name="outputPaths">One per value column.</param>
    public ReplayFile(CsvRecording recording, IEnumerable<string> outputPaths, int firstStream)
    {
        (_recording, _firstStream) = (recording, firstStream);
        _outputs = [.. outputPaths.Select(path => new ReplayWriter(path))];
        for (int i = 0; i < ChunkCount; i++)
            _free.Push(new ReplayChunk(ColumnCount));
    }

    public int ColumnCount => _recording.ValueColumns.Count;

    public long RowCount => _recording.RowCount;

    /// <summary>Reason why the outputs could not be written; null where they could.</summary>
    public string? Failure { get; private set; }

    /// <summary>Verdicts so far that crossed the alarm line. The publisher's.</summary>
    public long AnomalyCount { get; private set; }

    /// <summary>Reads the next chunk, waiting while all are under way.</summary>
    /// <param name="ticks">To be sent, in this order; valid until the next call.</param>
    /// <returns>False at the end of the recording.</returns>
    public bool TryRead(out List<Tick> ticks)
    {
        ticks = _ticks;
        ReplayChunk chunk;
        lock (_lock)
        {
            while (_free.Count == 0)
                Monitor.Wait(_lock);
            chunk = _free.Pop();
        }

        if (!chunk.Read(_recording, _firstStream, _ticks))
            return false;
        lock (_lock)
        {
            _underWay.Enqueue(chunk);
            WriteCompleted();   // rows of gaps alone wait for nobody
        }
        return true;
    }

    /// <summary>Takes the verdict on one of its ticks.</summary>
    public void Set(in Forecast forecast)
    {
        AnomalyCount += forecast.Verdict.Alarm ? 1 : 0;
        ReplayRow result = new()
        {
            Value = forecast.Value,
            Forecast = forecast.Verdict.Forecast,
            Lower = forecast.Verdict.Lower,
            Upper = forecast.Verdict.Upper,
            Surprise = forecast.Verdict.Surprise,
            Score = forecast.Verdict.Score,
            IsAnomaly = forecast.Verdict.Alarm,
        };
        if (ChunkOf(forecast.Number).Set(forecast.Number, forecast.Stream - _firstStream, in result))
        {
            lock (_lock)
                WriteCompleted();
        }
    }

    public void Dispose()
    {
        foreach (ReplayWriter output in _outputs)
        {
            try
            {
                output.Dispose();
            }
            catch (IOException e)
            {
                Failure ??= e.Message;
            }
        }
        _recording.Dispose();
    }

    private ReplayChunk ChunkOf(long row)
    {
        lock (_lock)
        {
            foreach (ReplayChunk chunk in _underWay)
            {
                if (chunk.Holds(row))
                    return chunk;
            }
        }
        throw new InvalidOperationException($"row {row} of {_recording.Path} is not under way");
    }

    private void WriteCompleted()
    {
        while (_underWay.TryPeek(out ReplayChunk? chunk) && chunk.IsComplete)
        {
            try
            {
                if (Failure is null)
                    chunk.WriteTo(_outputs);
            }
            catch (IOException e)
            {
                Failure = e.Message;   // a full disk: the other recordings go on
            }
            _free.Push(_underWay.Dequeue());
        }
        Monitor.PulseAll(_lock);
    }
}
