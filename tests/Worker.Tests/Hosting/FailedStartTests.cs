using StreamRnn.Engine.Journal;
using StreamRnn.Engine.Serving;
using StreamRnn.Engine.Snapshots;
using StreamRnn.Engine.Storage;
using StreamRnn.Engine.Streams;
using StreamRnn.Engine.Telemetry;
using StreamRnn.Worker.Configuration;
using StreamRnn.Worker.Hosting;
using StreamRnn.Worker.Tests.EndToEnd;

namespace StreamRnn.Worker.Tests.Hosting;

public sealed class FailedStartTests
{
    [Theory, InlineData(true), InlineData(false)]
    public void A_data_directory_that_cannot_be_brought_back_is_let_go_of_and_the_reason_is_heard(bool isBroker)
    {
        string folder = Directory.CreateTempSubdirectory("streamrnn-test-").FullName;
        try
        {
            StreamRnnOptions options = new() { DataDir = folder, Broker = new BrokerOptions { Enabled = isBroker, Port = 0 }, Mqtt = new MqttOptions { Host = "127.0.0.1" } };
            ModelCatalog models = options.LoadModels();
            using (DataFolder files = new(folder))
                WriteSnapshotWithANameTwice(files, ServingPlan.Of(models, []));

            using WorkerMetrics metrics = new();
            using TickTraces traces = new();
            StreamWorker worker = new(options, models, metrics, traces, new CapturedLog().Factory, TimeProvider.System);
            InvalidDataException refused = Assert.Throws<InvalidDataException>(worker.Start);
            Assert.Contains("twice", refused.Message, StringComparison.Ordinal);
            worker.Dispose();
            new DataFolder(folder).Dispose();
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static void WriteSnapshotWithANameTwice(DataFolder files, ServingPlan plan)
    {
        SnapshotStore store = new(files);
        SnapshotHead head = new(LogFormat.ArithmeticVersion, Position: 5, Base: 0, FirstStream: 0, Streams: 2, plan);
        IDataFile file = store.Create(head);
        SnapshotFile.Append(file, SnapshotSection.Streams, [1, 0, 1, 0, (byte)'a', 1, 0, 1, 0, (byte)'a']);
        store.Publish(file, head, rowCount: 0);
    }
}
