using System.Buffers.Text;
using System.Net.Sockets;
using System.Text;
using StreamRnn.Ingest.Mqtt.Codec;

namespace StreamRnn.Lab.Bench;

/// <summary>
/// A subscriber at QoS 1 to the forecasts of <see cref="FloodDevice"/>s that reads much at once, acknowledges in one send what it read, and checks that
/// each stream's <c>n</c> rises by one.
/// </summary>
internal sealed class FloodReader : IDisposable
{
    private readonly Socket _socket;
    private readonly Thread _thread;
    private readonly byte[] _buffer = new byte[256 * 1024];
    private readonly byte[] _answers = new byte[16 * 1024];
    private readonly long[] _last;   // n by stream
    private long _received;
    private long _outOfOrder;
    private volatile bool _stopping;

    /// <param name="topic">First levels of the streams' topics.</param>
    /// <param name="streams">Number of streams, numbered from 0.</param>
    public FloodReader(string host, int port, string topic, int streams)
    {
        _last = new long[streams];
        _socket = RawMqtt.Connect(host, port, topic + "-reader", sessionSeconds: 0);
        var filters = new MqttTopicFilterWriter(new byte[256]);
        filters.Add(new MqttTopicFilter { Filter = Encoding.UTF8.GetBytes($"streamrnn/{topic}/+/+/forecast"), Qos = 1 });
        byte[] packet = new byte[256];
        MqttPacketWriter.TryWrite(packet, MqttVersion.V5, new MqttSubscribe { PacketId = 1, Filters = filters.Filters }, out int length);
        RawMqtt.Exchange(_socket, packet.AsSpan(0, length), MqttPacketType.Suback);
        _thread = new Thread(Run) { Name = "flood reader", IsBackground = true };
        _thread.Start();
    }

    public long Received => Volatile.Read(ref _received);

    /// <summary>Forecasts that were not the next of their stream.</summary>
    public long OutOfOrder => Volatile.Read(ref _outOfOrder);

    public void Dispose()
    {
        _stopping = true;
        _socket.Dispose();
        _thread.Join();
    }

    private void Run()
    {
        int filled = 0;
        try
        {
            while (true)
            {
                int received = _socket.Receive(_buffer.AsSpan(filled));
                if (received == 0)
                    return;
                filled += received;
                int used = Read(_buffer.AsSpan(0, filled));
                filled -= used;
                _buffer.AsSpan(used, filled).CopyTo(_buffer);
            }
        }
        catch (Exception e) when (_stopping && e is SocketException or ObjectDisposedException)
        {
            // Closed by us.
        }
    }

    private int Read(ReadOnlySpan<byte> buffer)
    {
        int at = 0, count = 0, answer = 0;
        while (MqttPacketReader.TryRead(buffer[at..], _buffer.Length, out MqttPacket packet, out _) == MqttReadResult.Packet)
        {
            at += packet.Length;
            if (packet.Type != MqttPacketType.Publish || MqttPublish.TryParse(packet, MqttVersion.V5, out MqttPublish publish) != MqttFault.None)
                continue;
            Check(publish);
            count++;
            MqttPacketWriter.TryWrite(_answers.AsSpan(answer), MqttVersion.V5,
                new MqttAcknowledgement { Type = MqttPacketType.Puback, PacketId = publish.PacketId }, out int length);
            answer += length;
            if (answer + 8 > _answers.Length)
                answer = Answer(answer);
        }
        Answer(answer);
        Volatile.Write(ref _received, _received + count);
        return at;
    }

    private int Answer(int length)
    {
        for (ReadOnlySpan<byte> left = _answers.AsSpan(0, length); !left.IsEmpty;)
            left = left[_socket.Send(left)..];
        return 0;
    }

    private void Check(in MqttPublish publish)
    {
        const int Digits = 5;
        int end = publish.Topic.Length - "/forecast".Length;
        if (!Utf8Parser.TryParse(publish.Topic[(end - Digits)..end], out int stream, out _) || !Utf8Parser.TryParse(publish.Payload["{\"n\":"u8.Length..], out long n, out _))
            return;
        if (n != _last[stream] + 1)
            Volatile.Write(ref _outOfOrder, _outOfOrder + 1);
        _last[stream] = n;
    }
}
