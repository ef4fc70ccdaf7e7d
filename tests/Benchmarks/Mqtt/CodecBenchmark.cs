using BenchmarkDotNet.Attributes;
using StreamRnn.Ingest.Mqtt.Codec;

namespace StreamRnn.Benchmarks.Mqtt;

/// <summary>The codec alone, from a full buffer: what reading and writing one message costs before anybody looks at its payload.</summary>
[MemoryDiagnoser]
public class CodecBenchmark
{
    private const int MessageCount = 1000;

    private readonly byte[] _stream = new byte[MessageCount * 256];
    private readonly byte[] _packet = new byte[256];
    private int _length;

    public enum Shape
    {
        /// <summary>MQTT 3.1.1, QoS 0, a number.</summary>
        Plain,

        /// <summary>MQTT 5, QoS 1, 49 bytes of JSON, content type and traceparent.</summary>
        Traced,
    }

    [Params(Shape.Plain, Shape.Traced)]
    public Shape Message { get; set; }

    private MqttVersion Version => Message == Shape.Plain ? MqttVersion.V311 : MqttVersion.V5;

    [GlobalSetup]
    public void Fill()
    {
        _length = 0;
        for (int i = 0; i < MessageCount; i++)
        {
            Write(_stream.AsSpan(_length), out int written);
            _length += written;
        }
    }

    [Benchmark(OperationsPerInvoke = MessageCount)]
    public long Read()
    {
        long bytes = 0;
        ReadOnlySpan<byte> rest = _stream.AsSpan(0, _length);
        while (MqttPacketReader.TryRead(rest, 1 << 20, out MqttPacket packet, out _) == MqttReadResult.Packet)
        {
            if (MqttPublish.TryParse(packet, Version, out MqttPublish publish) == MqttFault.None)
                bytes += publish.Topic.Length + publish.Payload.Length;
            rest = rest[packet.Length..];
        }
        return bytes;
    }

    [Benchmark]
    public int Write()
    {
        Write(_packet, out int written);
        return written;
    }

    private void Write(Span<byte> into, out int written)
    {
        bool traced = Message == Shape.Traced;
        var properties = new MqttPropertyWriter(stackalloc byte[128]);
        if (traced)
        {
            properties.Bytes(MqttPropertyId.ContentType, "application/json"u8);
            properties.User("traceparent"u8, "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"u8);
        }
        MqttPacketWriter.TryWrite(into, Version, new MqttPublish
        {
            Topic = "plant/line-4/pump-017/temperature"u8,
            Payload = traced ? "{\"value\":21.537,\"ts\":\"2026-01-01T00:00:00.123Z\"}"u8 : "21.537"u8,
            Qos = (byte)(traced ? 1 : 0),
            PacketId = (ushort)(traced ? 77 : 0),
            Properties = properties.Properties,
        }, out written);
    }
}
