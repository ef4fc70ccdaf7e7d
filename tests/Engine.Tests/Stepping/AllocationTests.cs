using System.Text;
using Microsoft.Extensions.Logging.Abstractions;
using StreamRnn.Cells.Layers;
using StreamRnn.Detection;
using StreamRnn.Engine.Publish;
using StreamRnn.Engine.Stepping;
using StreamRnn.Engine.Streams;
using StreamRnn.Engine.Telemetry;
using StreamRnn.Ingest.Faults;
using StreamRnn.Ingest.Intake;
using StreamRnn.Ingest.Mqtt.Codec;
using StreamRnn.Ingest.Mqtt.Delivery;
using StreamRnn.Ingest.Ticks;

namespace StreamRnn.Engine.Tests.Stepping;

/// <summary>Each thread of the walk is asked what it has allocated: the reader, the shard from inside its step, the publisher from inside its sink.</summary>
public sealed class AllocationTests
{
    private const int Streams = 100, Rounds = 5;

    [Fact]
    public void Ten_thousand_warm_ticks_allocate_nothing_from_packet_bytes_to_encoded_forecast()
    {
        StreamDirectory directory = new(Streams);
        MeasuringForecaster model = new(ShippedModel.Load(null));
        StreamModels models = new(model);
        CountingTransport transport = new();
        using WorkerMetrics metrics = new();
        StreamEngine engine = new(models, new EngineCapacity(Shards: 1), metrics,
            new MessageSink(transport, new ForecastCodec("streamrnn", directory, models), new Delivery(1, false), new Delivery(1, false)));
        engine.Start();
        TickRouter router = new(engine.Inboxes);
        PacketIntake intake = new(directory, router, new FaultCounters(NullLogger.Instance, TimeProvider.System), TimeProvider.System, new IntakeOptions(), NoLog.Instance);
        PacketLedger ledger = new(4096, () => { });
        PacketAcknowledgement[] due = new PacketAcknowledgement[4096];
        byte[][] packets = [.. Enumerable.Range(0, Streams).Select(Publish)];

        long sent = 0;
        void Send(int ticks)
        {
            for (int i = 0; i < ticks; i++, sent++)
            {
                byte[] bytes = packets[sent % Streams];
                if (MqttPacketReader.TryRead(bytes, bytes.Length, out MqttPacket packet, out _) != MqttReadResult.Packet
                    || MqttPublish.TryParse(in packet, MqttVersion.V311, out MqttPublish publish) != MqttFault.None)
                    throw new InvalidOperationException("the packet was written wrong");
                intake.Accept(Packet.From(in publish, new MqttPublishContext { Ledger = ledger, ClientId = "test", ReceivedAt = 1 }));
                while (ledger.OpenCount > 2048)
                    ledger.Take(due);
            }
            while (engine.Published < sent)
                Thread.Yield();
        }

        Send(20_000);   // every stream settled, every path compiled

        // What is made once, such as the event of a lock that two threads want for the first time, is made in one round and not in the next.
        (long Reader, long Shard, long Publisher) allocated = (1, 1, 1);
        for (int round = 0; round < Rounds && allocated != (0, 0, 0); round++)
        {
            (long reader, long shard, long publisher) = (GC.GetAllocatedBytesForCurrentThread(), model.AllocatedBytes, transport.AllocatedBytes);
            Send(10_000);
            allocated = (GC.GetAllocatedBytesForCurrentThread() - reader, model.AllocatedBytes - shard, transport.AllocatedBytes - publisher);
        }

        engine.Drain();
        Assert.Equal(sent, transport.Count);
        Assert.Equal((0, 0, 0), allocated);
    }

    private static byte[] Publish(int stream)
    {
        byte[] bytes = new byte[256];
        MqttPublish publish = new()
        {
            Topic = Encoding.UTF8.GetBytes($"plant/line{stream % 7}/machine{stream}"),
            Payload = Encoding.UTF8.GetBytes($$"""{"temperature":{{20 + (stream * 0.25)}},"ts":"2026-01-01T00:00:00.5Z"}"""),
            Qos = 1,
            PacketId = (ushort)(stream + 1),
        };
        Assert.True(MqttPacketWriter.TryWrite(bytes, MqttVersion.V311, in publish, out int written));
        return bytes[..written];
    }

    private sealed class CountingTransport : IMessageTransport
    {
        // The publisher sends or, while nothing waits, the shard: each is asked what it has allocated since it was here last.
        [ThreadStatic] private static long? _before;

        public string Name => "counting";

        public long Count { get; private set; }

        public long AllocatedBytes { get; private set; }

        public void Send(ReadOnlySpan<byte> topic, ReadOnlySpan<byte> payload, Delivery delivery, int trace)
        {
            Count += topic.EndsWith("/forecast"u8) ? 1 : 0;
            long now = GC.GetAllocatedBytesForCurrentThread();
            AllocatedBytes += now - (_before ?? now);
            _before = now;
        }

        public void Flush()
        {
        }

        public void Complete()
        {
        }
    }

    private sealed class MeasuringForecaster(Forecaster inner) : Forecaster
    {
        public long AllocatedBytes { get; private set; }

        public override string Name => inner.Name;

        public override int RowFloats => inner.RowFloats;

        public override void Initialise(Span<float> row, long steps = 0) => inner.Initialise(row, steps);

        public override StepBatch CreateBatch(int capacity) => inner.CreateBatch(capacity);

        public override void Step(StateSlab slab, StepBatch batch)
        {
            inner.Step(slab, batch);
            AllocatedBytes = GC.GetAllocatedBytesForCurrentThread();
        }
    }
}
