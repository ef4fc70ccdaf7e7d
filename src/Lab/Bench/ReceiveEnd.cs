using Microsoft.Extensions.Logging.Abstractions;
using StreamRnn.Engine.Journal;
using StreamRnn.Engine.Stepping;
using StreamRnn.Engine.Storage;
using StreamRnn.Engine.Streams;
using StreamRnn.Ingest.Faults;
using StreamRnn.Ingest.Intake;
using StreamRnn.Ingest.Mqtt.Codec;
using StreamRnn.Ingest.Mqtt.Delivery;
using StreamRnn.Ingest.Ticks;

namespace StreamRnn.Lab.Bench;

/// <summary>Takes messages in and discards them: at once, or after they are decoded and in an input log on the disk.</summary>
internal class ReceiveEnd : IDisposable
{
    public const string ThreadName = "hand back";

    private long _received;

    /// <summary>Messages so far.</summary>
    public long Received => Volatile.Read(ref _received);

    /// <summary>Null where nothing is kept.</summary>
    public virtual IDeliveryJournal? Journal => null;

    /// <param name="kept">Writes ticks down before they are acknowledged.</param>
    public static ReceiveEnd Create(bool kept) => kept ? new LoggedEnd() : new ReceiveEnd();

    public void Take(in MqttPublish publish, in MqttPublishContext context)
    {
        Interlocked.Increment(ref _received);
        Accept(publish, context);
    }

    public virtual void Dispose()
    {
    }

    protected virtual void Accept(in MqttPublish publish, in MqttPublishContext context) => context.Ledger.TryOpen(publish.PacketId, publish.Qos, tickCount: 0);

    /// <summary>Acknowledges from a log: in place of the shards a thread completes every tick as soon as it is durable.</summary>
    private sealed class LoggedEnd : ReceiveEnd
    {
        private readonly string _folder = Directory.CreateTempSubdirectory("streamrnn-bench-").FullName;
        private readonly DataFolder _files;
        private readonly InputLog _log;
        private readonly TickInbox _queue = new(new LimitsOptions().QueueCapacity);
        private readonly PacketIntake _intake;
        private readonly Thread _thread;

        public LoggedEnd()
        {
            StreamDirectory directory = new(new LimitsOptions().Streams);
            _files = new DataFolder(_folder);
            _log = new InputLog(_files, new LogIndex(directory, redeliveryCapacity: 4096), new LogEnd(NextPosition: 1, Crc: 0), new DurabilityOptions(),
                reason => throw new IOException(reason), TimeProvider.System, NullLogger.Instance);
            _intake = new PacketIntake(directory, new TickRouter([_queue]), new FaultCounters(NullLogger.Instance, TimeProvider.System), TimeProvider.System,
                new IntakeOptions(), _log);
            _log.Start();
            _thread = new Thread(HandBack) { Name = ThreadName, IsBackground = true };
            _thread.Start();
        }

        public override IDeliveryJournal? Journal => _log;

        public override void Dispose()
        {
            _log.Refuse();
            _queue.Complete();
            _thread.Join();
            _log.Dispose();
            _files.Dispose();
            Directory.Delete(_folder, recursive: true);
            base.Dispose();
        }

        protected override void Accept(in MqttPublish publish, in MqttPublishContext context) => _intake.Accept(Packet.From(publish, context));

        private void HandBack()
        {
            TakenTicks taken = new();
            while (taken.Read(_queue))
            {
                int count = taken.Ticks.Length;
                _log.WaitUntilDurable(taken.OriginOf(count - 1).Position);
                for (int tick = 0; tick < count; tick++)
                    taken.OriginOf(tick).Ledger!.Complete(taken.OriginOf(tick).Packet);
            }
        }
    }
}
