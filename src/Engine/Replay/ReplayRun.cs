using System.Diagnostics;
using System.Runtime.InteropServices;
using StreamRnn.Detection;
using StreamRnn.Engine.Publish;
using StreamRnn.Engine.Stepping;
using StreamRnn.Engine.Streams;
using StreamRnn.Engine.Telemetry;
using StreamRnn.Ingest.Recordings;
using StreamRnn.Ingest.Ticks;

namespace StreamRnn.Engine.Replay;

/// <summary>Totals of a replay.</summary>
/// <param name="Rows">Of all recordings.</param>
/// <param name="Stepped">Values stepped; a row may have several or none.</param>
/// <param name="Untimed">Recordings without a time column, whose rows were taken as one second apart.</param>
/// <param name="Failed">Recordings that could not be read to their end, and why.</param>
public sealed record ReplaySummary(string Model, int Files, int Outputs, long Rows, long Stepped, long Anomalies, double Seconds, int Untimed,
    IReadOnlyList<string> Failed);

/// <summary>
/// Steps recordings through the engine at full speed. Each value column of each file is a separate stream; a few files are under way at
/// once, so that every shard has work and memory does not grow with their number.
/// </summary>
public sealed class ReplayRun(Forecaster model, int shards, RecordingOptions options)
{
    private const int FilesAtOnce = 32;

    private readonly List<string> _failed = [];
    private long _rows;
    private long _stepped;
    private long _anomalies;
    private int _outputs;
    private int _untimed;

    /// <summary>Rows read so far; any thread may ask.</summary>
    public long Rows => Volatile.Read(ref _rows);

    /// <exception cref="CommandFailedException">An output would overwrite an input.</exception>
    public ReplaySummary Run(IReadOnlyList<RecordingFile> files, string outputFolder, Action<int> filesDone)
    {
        long startedAt = Stopwatch.GetTimestamp();
        int done = 0;
        foreach (RecordingFile[] group in files.Chunk(FilesAtOnce))
        {
            Run(group, outputFolder);
            filesDone(done += group.Length);
        }
        return new ReplaySummary(model.Name, files.Count - _failed.Count, _outputs, _rows, _stepped, _anomalies,
            Stopwatch.GetElapsedTime(startedAt).TotalSeconds, _untimed, _failed);
    }

    private void Run(RecordingFile[] group, string outputFolder)
    {
        List<ReplayFile> files = [];
        List<ReplayFile> fileOfStream = [];
        foreach (RecordingFile file in group)
        {
            if (Open(file, outputFolder, fileOfStream.Count) is ReplayFile opened)
            {
                files.Add(opened);
                fileOfStream.AddRange(Enumerable.Repeat(opened, opened.ColumnCount));
            }
        }

        using WorkerMetrics metrics = new();
        StreamEngine engine = new(new StreamModels(model), new EngineCapacity(shards), metrics, new Sink(fileOfStream));
        engine.Start();
        Feed(files, new TickRouter(engine.Inboxes));
        engine.Drain();

        _stepped += engine.Stepped;
        foreach (ReplayFile file in files)
        {
            _anomalies += file.AnomalyCount;
            file.Dispose();
            if (file.Failure is string reason)
                _failed.Add(reason);
        }
    }

    /// <summary>Sends chunk after chunk, one of each file in turn.</summary>
    private void Feed(List<ReplayFile> files, TickRouter router)
    {
        List<ReplayFile> reading = [.. files];
        PacketBlocks packet = new();
        while (reading.Count > 0)
        {
            for (int i = reading.Count - 1; i >= 0; i--)
            {
                ReplayFile file = reading[i];
                long rowsBefore = file.RowCount;
                if (!TryRead(file, out List<Tick> ticks))
                    reading.RemoveAt(i);
                Volatile.Write(ref _rows, _rows + file.RowCount - rowsBefore);
                packet.Begin();
                packet.Add(CollectionsMarshal.AsSpan(ticks));
                router.Route(packet);
            }
        }
    }

    private bool TryRead(ReplayFile file, out List<Tick> ticks)
    {
        try
        {
            return file.TryRead(out ticks);
        }
        catch (Exception e) when (e is IOException or InvalidDataException)
        {
            _failed.Add(e.Message);
            ticks = [];
            return false;
        }
    }

    private ReplayFile? Open(RecordingFile file, string outputFolder, int firstStream)
    {
        CsvRecording recording;
        try
        {
            recording = CsvRecording.Open(file.Path, options);
        }
        catch (Exception e) when (e is IOException or InvalidDataException or UnauthorizedAccessException)
        {
            _failed.Add(e.Message);
            return null;
        }

        string[] outputs = [.. recording.ValueColumns.Select(column => Path.Combine(outputFolder, file.OutputPath(column, recording.ValueColumns.Count)))];
        if (outputs.Any(output => Path.GetFullPath(output) == Path.GetFullPath(file.Path)))
        {
            recording.Dispose();
            throw new CommandFailedException($"{file.Path} would be overwritten by its own output; choose another folder with --out.");
        }
        _outputs += outputs.Length;
        _untimed += recording.TimeColumn is null ? 1 : 0;
        return new ReplayFile(recording, outputs, firstStream);
    }

    /// <summary>Brings each verdict to its file.</summary>
    private sealed class Sink(IReadOnlyList<ReplayFile> fileOfStream) : IForecastSink
    {
        public string Name { get; } = "csv";

        public void Write(ReadOnlySpan<Forecast> forecasts)
        {
            foreach (ref readonly Forecast forecast in forecasts)
                fileOfStream[forecast.Stream].Set(in forecast);
        }

        public void Complete()
        {
        }
    }
}
