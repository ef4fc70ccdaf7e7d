using StreamRnn.Engine.Replay;
using StreamRnn.Engine.Streams;
using StreamRnn.Ingest.Recordings;
using StreamRnn.Lab.Devices;

namespace StreamRnn.Worker.Tests.EndToEnd;

/// <summary>The beginnings of three real recordings, what a replay makes of them, and a way to play them to a broker.</summary>
public sealed class RecordedRows : IDisposable
{
    public const int Rows = 600;

    private readonly string _folder = Directory.CreateTempSubdirectory("streamrnn-rows-").FullName;

    public RecordedRows()
    {
        Directory.CreateDirectory(Input);
        foreach (string name in Names)
            File.WriteAllLines(Path.Combine(Input, name + ".csv"), File.ReadLines(Samples.Path(name)).Take(Rows + 1));
        new ReplayRun(ModelCatalog.Load(standard: null).Standard, shards: 1, new RecordingOptions())
            .Run(RecordingFile.Find(Input), Path.Combine(_folder, "reference"), _ => { });
    }

    /// <summary>Speeds, latencies and a temperature, each with alarms in these rows.</summary>
    public static IReadOnlyList<string> Names { get; } = ["speed_7578", "ec2_request_latency_system_failure", "machine_temperature_system_failure"];

    /// <summary>The folder of the recordings.</summary>
    public string Input => Path.Combine(_folder, "rows");

    /// <summary>A folder of this run alone.</summary>
    public string NewFolder() => Path.Combine(_folder, Path.GetRandomFileName());

    /// <summary>The replay's output file, by bytes.</summary>
    public byte[] ReplayOf(string name) => File.ReadAllBytes(Path.Combine(_folder, "reference", name + ".csv"));

    /// <summary>The numbers of the replay's rows, without their times.</summary>
    public string[] ReplayRowsOf(string name) =>
        [.. File.ReadLines(Path.Combine(_folder, "reference", name + ".csv")).Skip(1).Select(row => row[(row.IndexOf(',', StringComparison.Ordinal) + 1)..])];

    /// <summary>Publishes every row under PREFIX/NAME, the recordings in turn.</summary>
    /// <param name="others">Ticks of other streams that go between two rows: topic and payload.</param>
    internal void PlayTo(MqttPeer device, string prefix, IEnumerator<(string Topic, string Payload)>? others = null)
    {
        CsvRecording[] recordings = [.. Names.Select(name => CsvRecording.Open(Path.Combine(Input, name + ".csv"), new RecordingOptions()))];
        DevicePayload payload = new(PayloadForm.Json, [["value"]]);
        for (int row = 0; row < Rows; row++)
        {
            foreach ((CsvRecording recording, string name) in recordings.Zip(Names))
            {
                Assert.True(recording.TryRead());
                device.Publish(System.Text.Encoding.UTF8.GetBytes($"{prefix}/{name}"), payload.Write(recording).ToArray());
                for (int i = 0; i < 3 && others?.MoveNext() == true; i++)
                    device.Publish(others.Current.Topic, others.Current.Payload);
            }
        }
        device.Drain();
        foreach (CsvRecording recording in recordings)
            recording.Dispose();
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);
}
