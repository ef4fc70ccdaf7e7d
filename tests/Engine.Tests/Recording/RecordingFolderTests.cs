using System.Text;
using StreamRnn.Engine.Recording;
using StreamRnn.Ingest.Faults;
using StreamRnn.Ingest.Recordings;
using StreamRnn.Ingest.Ticks;

namespace StreamRnn.Engine.Tests.Recording;

public sealed class RecordingFolderTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("streamrnn-recording-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Times_to_the_nanosecond_and_values_to_the_bit_read_back()
    {
        const int Seed = 20261125;
        Random random = new(Seed);
        (long Time, double Value)[] ticks =
        [
            (0, 0), (-1, -0.0), (1, double.Epsilon), (1_767_225_600_123_456_789, 0.1), (-9_223_372_036_854_775_000, float.MaxValue),
            (9_223_372_036_854_775_000, -1e-300), (EventTime.FromUtc(new DateTime(1678, 1, 1)), 1), (EventTime.FromUtc(new DateTime(2262, 1, 1)) - 1, 1e17),
            .. Enumerable.Range(0, 5000).Select(_ => (random.NextInt64(-9_000_000_000_000_000_000, 9_000_000_000_000_000_000),
                (double)BitConverter.Int32BitsToSingle(random.Next(0x7F7F_FFFF)) * random.NextDouble())),
        ];
        Record(resumes: false, [.. ticks.Select((tick, i) => (i + 1L, tick.Time, tick.Value))]);

        using CsvRecording recording = CsvRecording.Open(Path.Combine(_folder, "a.csv"));
        Assert.Equal(("timestamp", "value"), (recording.TimeColumn, Assert.Single(recording.ValueColumns)));
        foreach ((long time, double value) in ticks)
        {
            Assert.True(recording.TryRead());
            Assert.Equal(TickFault.None, recording.TryGetValue(0, out double read));
            Assert.True((time, BitConverter.DoubleToInt64Bits(value)) == (recording.Time, BitConverter.DoubleToInt64Bits(read)), $"{time}, {value:R}: {recording.Time}, {read:R}, seed {Seed}");
        }
        Assert.False(recording.TryRead());
    }

    [Fact]
    public void A_file_torn_at_any_byte_goes_on_with_its_last_whole_row()
    {
        Record(resumes: true, Ticks(1, 4));
        byte[] whole = File.ReadAllBytes(Path.Combine(_folder, "a.csv"));
        Record(resumes: true, Ticks(5, 6));
        byte[] expected = File.ReadAllBytes(Path.Combine(_folder, "a.csv"));

        for (int length = 0; length <= whole.Length; length++)
        {
            foreach (int zeros in (int[])[0, 40])   // as a file system may leave it when the power goes
            {
                File.WriteAllBytes(Path.Combine(_folder, "a.csv"), [.. whole[..length], .. new byte[zeros]]);
                Record(resumes: true, Ticks(1, 6));   // the log steps all of them again
                Assert.Equal(expected, File.ReadAllBytes(Path.Combine(_folder, "a.csv")));
            }
        }
        Assert.Equal(["a.csv"], Recordings());
    }

    [Fact]
    public void Every_life_of_a_state_has_a_file()
    {
        Record(resumes: false, Ticks(1, 3));
        Record(resumes: false, Ticks(1, 3));   // no data directory: it begins anew, whatever comes
        Record(resumes: false, [.. Ticks(1, 2), .. Ticks(1, 1)]);   // reset while it runs

        Assert.Equal(["a.csv", "a~2.csv", "a~3.csv", "a~4.csv"], Recordings());
        Assert.Equal([3, 3, 2, 1], Recordings().Select(Rows));
    }

    [Fact]
    public void A_data_directory_that_was_exchanged_is_noticed()
    {
        Record(resumes: true, Ticks(1, 3));
        Record(resumes: true, [.. Ticks(1, 2).Select(tick => tick with { Value = tick.Value + 1 })]);

        Assert.Equal(["a.csv", "a~2.csv"], Recordings());
        Assert.Equal([3, 2], Recordings().Select(Rows));
    }

    [Fact]
    public void What_is_missing_shows_in_the_name_and_is_counted()
    {
        Assert.Equal(1, Record(resumes: true, Ticks(10, 12)));   // recorded only since then
        Assert.Equal(0, Record(resumes: true, Ticks(11, 14)));
        Assert.Equal(1, Record(resumes: true, Ticks(20, 21)));   // without --record meanwhile
        Assert.Equal(0, Record(resumes: true, Ticks(15, 22)));   // the log goes further back than the file

        Assert.Equal(["a~1@10.csv", "a~2@20.csv"], Recordings());
        Assert.Equal([5, 3], Recordings().Select(Rows));
    }

    [Fact]
    public void Another_programs_file_is_left_alone()
    {
        File.WriteAllText(Path.Combine(_folder, "a.csv"), "time,level\n1,2\n");
        Record(resumes: true, Ticks(1, 2));

        Assert.Equal("time,level\n1,2\n", File.ReadAllText(Path.Combine(_folder, "a.csv")));
        Assert.Equal(2, Rows("a~2.csv"));
    }

    [Fact]
    public void Many_streams_share_few_open_files()
    {
        const int Streams = 3 * RecordingFolder.MaximumOpenFiles;
        int open = 0, most = 0;
        StreamDirectory names = new(Streams);
        using (RecordingFolder folder = new(_folder, names, resumes: false, path => new CountedFile(path, change => most = Math.Max(most, open += change))))
        {
            for (int round = 1; round <= 3; round++)
            {
                for (int i = 0; i < Streams; i++)
                {
                    names.TryGet(Encoding.UTF8.GetBytes($"plant/{i}"), default, out int stream);
                    folder.Add(new RecordedTick(stream, round, round, i));
                }
            }
            folder.Flush();
            Assert.Equal(3 * Streams, folder.WrittenCount);
        }

        Assert.Equal((0, RecordingFolder.MaximumOpenFiles), (open, most));
        for (int i = 0; i < Streams; i++)
            Assert.Equal($"timestamp,value\n1970-01-01T00:00:00.000000001Z,{i}\n1970-01-01T00:00:00.000000002Z,{i}\n1970-01-01T00:00:00.000000003Z,{i}\n", File.ReadAllText(Path.Combine(_folder, "plant", $"{i}.csv")));
    }

    [Fact]
    public void A_name_that_was_shortened_lies_beside_its_recording()
    {
        string name = new('X', 1000);
        StreamDirectory names = new(1);
        names.TryGet(Encoding.UTF8.GetBytes(name), default, out int stream);
        using (RecordingFolder folder = new(_folder, names, resumes: false))
            folder.Add(new RecordedTick(stream, 1, 0, 5));

        string path = Path.Combine(_folder, RecordingPath.Of(Encoding.UTF8.GetBytes(name)));
        Assert.Equal(name, File.ReadAllText(path + ".name").Trim());
        Assert.Equal("timestamp,value\n", File.ReadAllText(path + ".csv"));   // not flushed
    }

    [Fact]
    public void Two_workers_do_not_share_a_folder()
    {
        using RecordingFolder folder = new(_folder, new StreamDirectory(1), resumes: false);
        CommandFailedException e = Assert.Throws<CommandFailedException>(() => new RecordingFolder(_folder, new StreamDirectory(1), resumes: false));
        Assert.Contains("another worker", e.Message, StringComparison.Ordinal);
    }

    private static (long N, long Time, double Value)[] Ticks(long first, long last) =>
        [.. Enumerable.Range((int)first, (int)(last - first + 1)).Select(n => ((long)n, n * 1_000_000_001L, n * 1.5))];

    /// <summary>One run of a worker with the stream a.</summary>
    /// <returns>Files that could not begin with the first tick.</returns>
    private long Record(bool resumes, (long N, long Time, double Value)[] ticks)
    {
        StreamDirectory names = new(1);
        names.TryGet("a"u8, default, out int stream);
        using RecordingFolder folder = new(_folder, names, resumes);
        foreach ((long n, long time, double value) in ticks)
            folder.Add(new RecordedTick(stream, n, time, value));
        folder.Flush();
        Assert.Equal(ticks.Length, folder.WrittenCount);
        return folder.GapCount;
    }

    private string[] Recordings() => [.. RecordingFile.Find(_folder).Select(file => file.RelativePath)];

    private int Rows(string file) => File.ReadAllLines(Path.Combine(_folder, file)).Length - 1;

    private sealed class CountedFile : FileStream
    {
        private readonly Action<int> _changed;

        public CountedFile(string path, Action<int> changed) : base(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.Read, bufferSize: 0)
        {
            _changed = changed;
            changed(1);
        }

        protected override void Dispose(bool disposing)
        {
            if (disposing)
                _changed(-1);
            base.Dispose(disposing);
        }
    }
}
