using System.Text;
using Microsoft.Extensions.Logging;
using StreamRnn.Ingest.Faults;
using StreamRnn.Ingest.Intake;
using StreamRnn.Ingest.Mqtt.Delivery;
using StreamRnn.Ingest.Tests.Payloads;
using StreamRnn.Ingest.Tests.Ticks;
using StreamRnn.Ingest.Ticks;

namespace StreamRnn.Ingest.Tests.Intake;

public class PacketIntakeTests
{
    private static readonly DateTime Arrival = new(2026, 1, 1, 12, 0, 0, DateTimeKind.Utc);
    private readonly FakeTimeProvider _clock = new(new DateTimeOffset(Arrival));
    private readonly CapturedLog _logger = new();
    private readonly List<string> _reports = [];
    private readonly Tick[] _into = new Tick[4096];
    private readonly StreamDirectory _directory;
    private readonly TickInbox[] _queues;
    private readonly FaultCounters _faults;
    private readonly PacketIntake _intake;

    public PacketIntakeTests()
    {
        _directory = new StreamDirectory(100);
        _queues = [new TickInbox(64), new TickInbox(64)];
        _faults = new FaultCounters(_logger, _clock, (fault, topic, total) => _reports.Add($"{fault} {Encoding.UTF8.GetString(topic)} {total}"));
        _intake = new PacketIntake(_directory, new TickRouter(_queues), _faults, _clock, new IntakeOptions(), NoLog.Instance);
    }

    [Theory]
    [InlineData("plant/a", true)]
    [InlineData("meters/1/power", true)]
    [InlineData("meters/1", false)]
    [InlineData("other", false)]
    public void A_topic_of_a_subscription_that_is_not_ours_any_more_is_refused(string topic, bool isTaken)
    {
        PacketIntake intake = new(_directory, new TickRouter(_queues), _faults, _clock, new IntakeOptions { Subscribed = ["plant/#", "meters/+/power"] }, NoLog.Instance);
        Assert.Equal(isTaken ? 1 : 0, intake.Accept(new Packet { Topic = Encoding.UTF8.GetBytes(topic), Payload = "1"u8 }));
        Assert.Equal(isTaken ? 0 : 1, _faults.Of(TickFault.NotSubscribed));
    }

    [Theory]
    [InlineData("a/b", "{\"seq\":7,\"value\":1}", 7, TickNumbering.Number)]
    [InlineData("a/b", "{\"seq\":7,\"ts\":1767268000,\"value\":1}", 7, TickNumbering.NumberAndTime)]
    [InlineData("a/plain/b", "{\"value\":1}", 0, TickNumbering.None)]
    [InlineData("c", "{\"value\":1}", 0, TickNumbering.None)]
    public void Numbers_are_read_where_the_first_filter_that_matches_says_so(string topic, string payload, long number, TickNumbering numbering)
    {
        PacketIntake intake = new(_directory, new TickRouter(_queues), _faults, _clock,
            new IntakeOptions { Numbering = [new NumberedTopics("a/plain/#", false), new NumberedTopics("a/#", true)] }, NoLog.Instance);

        Assert.Equal(1, intake.Accept(new Packet { Topic = Encoding.UTF8.GetBytes(topic), Payload = Encoding.UTF8.GetBytes(payload) }));
        Assert.Equal(1, _queues[0].Take(_into));
        Assert.Equal((number, numbering), (_into[0].Number, _into[0].Numbering));

        Assert.Equal(0, intake.Accept(new Packet { Topic = "a/b"u8, Payload = "{\"value\":1}"u8 }));
        Assert.Equal(1, _faults.Of(TickFault.NoSequence));
    }

    [Fact]
    public void A_tick_is_half_a_cache_line() => Assert.Equal(32, System.Runtime.CompilerServices.Unsafe.SizeOf<Tick>());

    [Fact]
    public void A_packet_becomes_ticks_with_its_facts()
    {
        var ledger = new PacketLedger(8, () => { });
        ledger.TryOpen(1, 1, 1);
        int count = _intake.Accept(new Packet
        {
            Topic = "plant/a"u8,
            Payload = "{\"ts\":1767268000,\"x\":1.5,\"y\":2}"u8,
            Qos = 1,
            PacketId = 7,
            Ledger = ledger,
            ReceivedAt = 99,
            Trace = 3,
        });
        Assert.Equal(2, count);
        TickOrigin origin = default;
        Assert.Equal(1, _queues[0].Take(_into, facts => origin = facts));
        var expected = new Tick
        {
            Stream = 0,
            Time = 1_767_268_000_000_000_000,
            Value = 1.5,
        };
        Assert.Equal(expected, _into[0]);
        Assert.Equal(new TickOrigin { ReceivedAt = 99, Trace = 3, Ledger = ledger, Packet = 1 }, origin);
        Assert.Equal(1, _queues[1].Take(_into, facts => Assert.Equal(origin, facts)));
        Assert.Equal(expected with { Stream = 1, Value = 2 }, _into[0]);
        Assert.Equal(["plant/a:x", "plant/a:y"], [_directory.Name(0), _directory.Name(1)]);
    }

    [Fact]
    public void Without_a_time_in_the_payload_the_arrival_is_the_time()
    {
        Assert.Equal(1, Accept("t", "21.5"));
        _queues[0].Take(_into, facts => Assert.Null(facts.Ledger));
        Assert.Equal(EventTime.FromUtc(Arrival), _into[0].Time);
    }

    [Theory]
    [InlineData("streamrnn/plant/forecast", "1", TickFault.OwnOutput)]
    [InlineData("streamrnn", "1", TickFault.OwnOutput)]
    [InlineData("$SYS/broker/uptime", "1", TickFault.OwnOutput)]
    [InlineData("t", "hello", TickFault.UnknownPayload)]
    [InlineData("t", "{\"a\":1", TickFault.MalformedJson)]
    [InlineData("t", "NaN", TickFault.NotFinite)]
    [InlineData("t", "\"1\"", TickFault.NotANumber)]
    [InlineData("t", "{\"ts\":1767272401,\"v\":1}", TickFault.FarFuture)]
    [InlineData("t", "{\"ts\":\"9999-12-31T23:59:59Z\",\"v\":1}", TickFault.MalformedTime)]
    [InlineData("t", "{\"ts\":\"2261-12-31T23:59:59Z\",\"v\":1}", TickFault.FarFuture)]
    public void Bad_input_is_refused_with_its_reason_and_still_acknowledged(string topic, string payload, TickFault fault)
    {
        var ledger = new PacketLedger(8, () => { });
        int count = _intake.Accept(new Packet
        {
            Topic = Encoding.UTF8.GetBytes(topic),
            Payload = Encoding.UTF8.GetBytes(payload),
            Qos = 1,
            PacketId = 9,
            Ledger = ledger,
        });
        Assert.Equal(0, count);
        Assert.Equal(1, _faults.Of(fault));
        Assert.Equal(1, _faults.Total);
        Assert.Equal(1, _intake.RefusedPacketCount);
        Assert.Equal(0, _queues[0].Count + _queues[1].Count + _directory.Count);
        var acknowledgements = new PacketAcknowledgement[4];
        Assert.Equal(1, ledger.Take(acknowledgements));
        Assert.Equal(9, acknowledgements[0].PacketId);
    }

    [Theory]
    [InlineData("streamrnnx/a")]
    [InlineData("$aws/things/x/shadow/update")]
    [InlineData("$SYSTEM/a")]
    public void A_topic_that_only_looks_like_our_own_is_taken(string topic) => Assert.Equal(1, Accept(topic, "1"));

    [Fact]
    public void One_hour_ahead_is_credible_and_any_past_is()
    {
        Assert.Equal(1, Accept("t", "{\"ts\":1767272400,\"v\":1}"));
        Assert.Equal(1, Accept("t", "{\"ts\":-8000000000,\"v\":1}"));
    }

    [Fact]
    public void Retained_messages_are_refused_unless_asked_for()
    {
        Assert.Equal(0, _intake.Accept(new Packet { Topic = "t"u8, Payload = "1"u8, Retained = true }));
        Assert.Equal(1, _faults.Of(TickFault.Retained));
        var asked = new PacketIntake(_directory, new TickRouter(_queues), _faults, _clock, new IntakeOptions { AcceptRetained = true }, NoLog.Instance);
        Assert.Equal(1, asked.Accept(new Packet { Topic = "t"u8, Payload = "1"u8, Retained = true }));
    }

    [Fact]
    public void A_payload_over_the_limit_is_refused_unread()
    {
        Assert.Equal(0, Accept("t", new string(' ', 1 << 20) + "1"));
        Assert.Equal(1, _faults.Of(TickFault.PayloadTooLarge));
    }

    [Fact]
    public void A_flood_of_topics_stops_at_the_limit()
    {
        for (int i = 0; i < 1000; i++)
            _intake.Accept(new Packet { Topic = Encoding.UTF8.GetBytes($"flood/{i}"), Payload = "NaN"u8 });
        Assert.Equal(0, _directory.Count);   // what does not step gets no stream
        for (int i = 0; i < 100; i++)
            Accept($"t/{i}", "1");
        foreach (TickInbox queue in _queues)
            queue.Take(_into);
        for (int i = 0; i < 1000; i++)
            Assert.Equal(0, Accept($"flood/{i}", "1"));
        Assert.Equal(1000, _faults.Of(TickFault.StreamLimit));
        Assert.Equal(1, Accept("t/5", "1"));
    }

    [Fact]
    public void A_full_shard_refuses_QoS_0_and_holds_QoS_1()
    {
        for (int i = 0; i < 64; i++)
            Assert.Equal(1, Accept("t", "1"));
        Assert.Equal(0, Accept("t", "{\"a\":1,\"v\":2}"));   // t:a is another shard's, which has room: none goes in
        Assert.Equal(2, _faults.Of(TickFault.QueueFull));
        Assert.Equal(0, _queues[1].Count);

        var ledger = new PacketLedger(8, () => { });
        var producer = new Thread(() => _intake.Accept(new Packet { Topic = "t"u8, Payload = "2"u8, Qos = 1, PacketId = 1, Ledger = ledger }));
        producer.Start();
        int taken = 0;
        while (taken < 65)
            taken += _queues[0].Take(_into);
        producer.Join();
        Assert.Equal(65, _intake.AcceptedTickCount);
        Assert.Equal(1, ledger.OpenCount);
    }

    [Fact]
    public void An_episode_is_one_line_and_one_report_and_ends_with_quiet()
    {
        for (int i = 0; i < 1000; i++)
        {
            Accept("noisy\n\u0001", "rubbish");
            _clock.Advance(TimeSpan.FromSeconds(30));
        }
        Assert.Single(_logger.Lines);
        Assert.Contains("topic noisy??", _logger.Lines[0]);
        _clock.Advance(TimeSpan.FromSeconds(60));
        Accept("again", "rubbish");
        Accept("other", "NaN");
        Assert.Equal(3, _logger.Lines.Length);
        Assert.Equal(["UnknownPayload noisy\n\u0001 1", "UnknownPayload again 1001", "NotFinite other 1"], _reports);
    }

    [Fact]
    public void Mutated_packets_never_throw_and_every_sum_closes()
    {
        const int Seed = 20260101;
        var random = new Random(Seed);
        var ledger = new PacketLedger(1, () => { });
        var acknowledgement = new PacketAcknowledgement[1];
        long taken = 0, values = 0;
        for (int i = 0; i < 5000 * Cases.Times; i++)
        {
            byte[] payload = PayloadMutation.Next(random);
            byte qos = (byte)random.Next(2);
            long before = _faults.Total;
            int count = _intake.Accept(new Packet { Topic = "t"u8, Payload = payload, Qos = qos, PacketId = 1, Ledger = ledger });
            values += count + _faults.Total - before;
            Assert.True(count + _faults.Total - before > 0, $"seed {Seed}, case {i}: neither accepted nor refused: {Encoding.UTF8.GetString(payload)}");
            foreach (TickInbox queue in _queues)
            {
                for (int queued = queue.Count; queued > 0; queued = queue.Count)
                {
                    int n = queue.Take(_into, facts => facts.Ledger?.Complete(facts.Packet));
                    taken += n;
                    foreach (Tick tick in _into.AsSpan(0, n))
                        Assert.True(double.IsFinite(tick.Value), $"seed {Seed}, case {i}");
                }
            }
            Assert.Equal(qos, ledger.Take(acknowledgement));
        }
        Assert.Equal(5000, _intake.PacketCount);
        Assert.Equal(_intake.AcceptedTickCount, taken);
        Assert.Equal(values, taken + _faults.Total);
        Assert.True(taken > 1000);
        Assert.True(_logger.Lines.Length < Enum.GetValues<TickFault>().Length);
    }

    [Fact]
    public void A_known_packet_is_taken_in_without_allocating()
    {
        var ledger = new PacketLedger(8, () => { });
        var acknowledgements = new PacketAcknowledgement[8];
        void Once()
        {
            _intake.Accept(new Packet { Topic = "a"u8, Payload = "21.5"u8 });
            _intake.Accept(new Packet { Topic = "b"u8, Payload = "{\"x\":1,\"y\":2,\"unit\":\"C\"}"u8, Qos = 1, PacketId = 1, Ledger = ledger });
            for (int shard = 0; shard < 2; shard++)
                _queues[shard].Take(_into, static facts => facts.Ledger?.Complete(facts.Packet));
            ledger.Take(acknowledgements);
        }
        Assert.Equal(0, Allocations.Least(1000, Once));
    }

    private int Accept(string topic, string payload) =>
        _intake.Accept(new Packet { Topic = Encoding.UTF8.GetBytes(topic), Payload = Encoding.UTF8.GetBytes(payload) });
}
