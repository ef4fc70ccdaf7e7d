using BenchmarkDotNet.Attributes;
using Microsoft.Extensions.Logging.Abstractions;
using StreamRnn.Ingest.Faults;
using StreamRnn.Ingest.Intake;
using StreamRnn.Ingest.Mqtt.Delivery;
using StreamRnn.Ingest.Payloads;
using StreamRnn.Ingest.Tests.Ticks;
using StreamRnn.Ingest.Ticks;

namespace StreamRnn.Benchmarks.Ingest;

/// <summary>From the bytes of a packet to its tick in the inbox of a shard, and the parts of that way.</summary>
[MemoryDiagnoser]
public class IntakeBenchmark
{
    private readonly ReadingBuffer _readings = new();
    private readonly Tick[] _into = new Tick[64];
    private readonly TickInbox _queue = new(64);
    private readonly StreamDirectory _directory = new(10_000);
    private PacketIntake _intake = null!;
    private byte[][] _topics = [];
    private int _next;

    [Params("21.5", "{\"temperature\":27.34}", "{\"ts\":1700000000123,\"value\":21.5}", "{\"temperature\":27.34,\"humidity\":44.72,\"battery\":91,\"unit\":\"C\"}",
        "{\"temperature\":27")]
    public string Payload { get; set; } = "";

    private byte[] Bytes { get; set; } = [];

    [GlobalSetup]
    public void SetUp()
    {
        Bytes = System.Text.Encoding.UTF8.GetBytes(Payload);
        _topics = [.. Enumerable.Range(0, 1000).Select(i => System.Text.Encoding.UTF8.GetBytes($"plant/line-{i % 10}/sensor-{i:D4}"))];
        var faults = new FaultCounters(NullLogger.Instance, TimeProvider.System);
        _intake = new PacketIntake(_directory, new TickRouter([_queue]), faults, TimeProvider.System, new IntakeOptions(), NoLog.Instance);
    }

    [Benchmark]
    public TickFault Decode() => PayloadDecoder.Decode(Bytes, 0, TimeZoneInfo.Utc, _readings);

    [Benchmark]
    public int FindStream()
    {
        _directory.TryGet(_topics[_next++ % _topics.Length], "temperature"u8, out int stream);
        return stream;
    }

    [Benchmark]
    public int AcceptAndTake()
    {
        int count = _intake.Accept(new Packet { Topic = _topics[_next++ % _topics.Length], Payload = Bytes });
        return count > 0 ? _queue.Take(_into) : 0;
    }
}
