using System.Text;
using Microsoft.Extensions.Logging;
using StreamRnn.Detection;
using StreamRnn.Engine.Publish;
using StreamRnn.Engine.Recording;
using StreamRnn.Engine.Telemetry;
using StreamRnn.Ingest.Ticks;

namespace StreamRnn.Engine.Tests.Recording;

public sealed class RecordingSinkTests : IDisposable
{
    private const int Streams = 10;

    private readonly string _folder = Directory.CreateTempSubdirectory("streamrnn-recording-").FullName;
    private readonly StreamDirectory _names = new(Streams);
    private readonly WorkerMetrics _metrics = new();
    private readonly CapturedLog _log = new();

    public RecordingSinkTests()
    {
        for (int i = 0; i < Streams; i++)
            _names.TryGet(Encoding.UTF8.GetBytes($"s{i}"), default, out _);
    }

    public void Dispose()
    {
        _metrics.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public void A_full_disk_ends_the_recording_with_one_line_and_a_count_and_holds_nobody_up()
    {
        const int Rounds = 20_000, RoomBytes = 100_000;
        int room = RoomBytes;
        RecordingSink sink = new(new RecordingFolder(_folder, _names, resumes: false, path => new SmallDisk(path, bytes => room -= bytes)), _metrics, _log);
        for (int n = 1; n <= Rounds; n++)
            sink.Write(Round(n));   // many times what may be gathered
        sink.Settle();
        sink.Complete();

        string line = Assert.Single(_log.AtLeast(LogLevel.Warning));
        Assert.StartsWith("The recording ends here (No space left on device)", line, StringComparison.Ordinal);
        string[] files = [.. Directory.EnumerateFiles(_folder, "*.csv")];
        Assert.All(files, file => Assert.True(File.ReadAllText(file) is "" or [.., '\n'], $"{file} ends within a row"));
        Assert.Equal(Rounds * Streams, sink.LostCount + files.Sum(file => Math.Max(0, File.ReadAllLines(file).Length - 1)));
        Assert.InRange(sink.LostCount, 1, Rounds * Streams);
    }

    [Fact]
    public void What_has_settled_is_in_the_files()
    {
        RecordingSink sink = new(new RecordingFolder(_folder, _names, resumes: false), _metrics, _log);
        for (int n = 1; n <= 100; n++)
        {
            sink.Write(Round(n));
            if (n % 25 == 0)
            {
                sink.Settle();
                Assert.Equal(n + 1, File.ReadAllLines(Path.Combine(_folder, "s3.csv")).Length);
            }
        }
        sink.Complete();
        Assert.Empty(_log.AtLeast(LogLevel.Warning));
    }

    [Fact]
    public void Warm_ticks_allocate_nothing_neither_to_hand_over_nor_to_write()
    {
        List<long> written = [];
        RecordingSink sink = new(new RecordingFolder(_folder, _names, resumes: false, path => new MeasuringFile(path, written)), _metrics, _log);
        Forecast[] round = Round(1);
        written.Capacity = 100_000;
        long allocated = 1, n = 0;
        for (int attempt = 0; attempt < 3 || (attempt < 10 && allocated != 0); attempt++)   // the first opens the files
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            for (int i = 0; i < 1000; i++)
            {
                n++;
                for (int stream = 0; stream < round.Length; stream++)
                    round[stream].Verdict = round[stream].Verdict with { N = n };
                sink.Write(round);
            }
            allocated = GC.GetAllocatedBytesForCurrentThread() - before;
            sink.Settle();
        }
        sink.Complete();

        Assert.Equal(0, allocated);
        Assert.Contains(written.Zip(written.Skip(Streams / 2)), pair => pair.First == pair.Second);   // through half a batch of writes
    }

    private static Forecast[] Round(long n) => [.. Enumerable.Range(0, Streams).Select(stream => new Forecast
    {
        Stream = stream,
        Kind = 0,
        Time = n * EventTime.NanosecondsPerSecond,
        Value = stream + (n * 0.5),
        Verdict = new Verdict { N = n },
    })];

    /// <summary>A disk that takes so many bytes and, of the write that is too much, the first half.</summary>
    private sealed class SmallDisk(string path, Func<int, int> take) : FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.Read, bufferSize: 0)
    {
        public override void Write(ReadOnlySpan<byte> buffer) => Write(buffer.ToArray(), 0, buffer.Length);

        public override void Write(byte[] buffer, int offset, int count)
        {
            bool fits = take(count) >= 0;
            base.Write(buffer, offset, fits ? count : count / 2);
            if (!fits)
                throw new IOException("No space left on device");
        }
    }

    private sealed class MeasuringFile(string path, List<long> allocated) : FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.Read, bufferSize: 0)
    {
        public override void Write(byte[] buffer, int offset, int count)
        {
            base.Write(buffer, offset, count);
            allocated.Add(GC.GetAllocatedBytesForCurrentThread());
        }
    }
}
