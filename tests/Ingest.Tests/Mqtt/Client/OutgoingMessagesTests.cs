using System.Text;
using StreamRnn.Ingest.Mqtt.Client;
using StreamRnn.Ingest.Mqtt.Codec;
using StreamRnn.Ingest.Mqtt.Delivery;
using StreamRnn.Ingest.Tests.Ticks;

namespace StreamRnn.Ingest.Tests.Mqtt.Client;

public class OutgoingMessagesTests
{
    /// <summary>A random history of publishing, sending, confirming and reconnecting, against a list that does the same.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Any_history_keeps_order_ids_and_bounds(int seed)
    {
        var random = new Random(seed);
        var outgoing = new OutgoingMessages(messages: 20, bytes: 600);
        var expected = new List<(string Payload, byte Qos, ushort Id)>();   // kept, oldest first
        int sent = 0, number = 0, confirmed = 0, added = 0;
        ushort lastId = 0;
        var received = new HashSet<ushort>();   // at QoS 2, by the broker
        var written = new HashSet<string>();    // at QoS 0: once, whatever becomes of the connection
        for (int step = 0; step < 200_000; step++)
        {
            switch (random.Next(10))
            {
                case < 4:
                    string payload = $"{number++}{new string('x', random.Next(60))}";
                    byte qos = (byte)random.Next(3);
                    if (!outgoing.TryAdd(new MqttPublish { Topic = "t"u8, Payload = Encoding.UTF8.GetBytes(payload), Qos = qos }, MqttVersion.V5))
                    {
                        Assert.True(expected.Count == 20 || expected.Sum(message => message.Payload.Length + 8) > 250, $"seed {seed}, step {step}: full too soon");
                        break;
                    }
                    added++;
                    lastId = qos == 0 ? lastId : (ushort)(lastId % 65534 + 1);
                    expected.Add((payload, qos, qos == 0 ? (ushort)0 : lastId));
                    break;
                case < 7:
                    while (sent < expected.Count && written.Contains(expected[sent].Payload))
                        sent++;
                    ReadOnlySpan<byte> piece = outgoing.TakeUnsent(window: 6, windowAtQos2: 4, longest: 200);
                    while (MqttPacketReader.TryRead(piece, 1000, out MqttPacket packet, out _) == MqttReadResult.Packet)
                    {
                        if (packet.Type == MqttPacketType.Pubrel)
                        {
                            Assert.Equal(MqttFault.None, MqttAcknowledgement.TryParse(packet, MqttVersion.V5, out MqttAcknowledgement release));
                            Assert.Equal((expected[sent].Id, true), (release.PacketId, received.Contains(release.PacketId)));
                            sent++;
                            piece = piece[packet.Length..];
                            continue;
                        }
                        Assert.Equal(MqttFault.None, MqttPublish.TryParse(packet, MqttVersion.V5, out MqttPublish publish));
                        Assert.DoesNotContain(publish.PacketId, received);
                        Assert.Equal(expected[sent], (Encoding.UTF8.GetString(publish.Payload), publish.Qos, publish.PacketId));
                        if (publish.Qos == 0)
                            Assert.True(written.Add(expected[sent].Payload), $"seed {seed}, step {step}: twice");
                        sent++;
                        piece = piece[packet.Length..];
                    }
                    Assert.True(piece.IsEmpty);
                    Assert.True(expected.Take(sent).Count(message => message.Qos > 0) <= 6, $"seed {seed}, step {step}: beyond the window");
                    outgoing.Written();
                    break;
                case < 9:
                    if (expected.Take(sent).FirstOrDefault(message => message.Qos > 0) is { Id: > 0 } oldest)
                    {
                        Assert.False(outgoing.TryConfirm(oldest.Id, (byte)(3 - oldest.Qos), out _));
                        if (oldest.Qos == 2 && received.Add(oldest.Id))
                            Assert.True(outgoing.TryReceive(oldest.Id), $"seed {seed}, step {step}");
                        else
                            Assert.True(outgoing.TryConfirm(oldest.Id, oldest.Qos, out _) && (oldest.Qos == 1 || received.Remove(oldest.Id)), $"seed {seed}, step {step}");
                    }
                    Assert.False(outgoing.TryConfirm(65534, 1, out _));
                    Assert.False(outgoing.TryReceive(65534));
                    break;
                default:
                    if (random.Next(20) == 0)
                    {
                        outgoing.Release();
                        Drop();
                        outgoing.Restart(sessionPresent: true);
                        sent = 0;
                    }
                    break;
            }
            confirmed += outgoing.Release();
            Drop();
            Assert.Equal((expected.Count, expected.Count - sent), (outgoing.Count, outgoing.UnsentCount));
        }
        Assert.True(added > 10_000 && confirmed > 10_000);

        // What left the real one is the prefix that is no longer there.
        void Drop()
        {
            while (expected.Count > outgoing.Count)
            {
                expected.RemoveAt(0);
                sent--;
            }
        }
    }

    [Fact]
    public void A_message_longer_than_the_buffer_never_fits_and_one_as_long_does()
    {
        var outgoing = new OutgoingMessages(4, 100);
        Assert.False(outgoing.TryAdd(new MqttPublish { Topic = "t"u8, Payload = new byte[100] }, MqttVersion.V5));
        Assert.True(outgoing.TryAdd(new MqttPublish { Topic = "t"u8, Payload = new byte[94] }, MqttVersion.V5));
        Assert.False(outgoing.TryAdd(new MqttPublish { Topic = "t"u8 }, MqttVersion.V5));
        Assert.Equal(100, outgoing.TakeUnsent(1, 1, 1).Length);
        outgoing.Written();
        Assert.Equal(1, outgoing.Release());
        Assert.True(outgoing.TryAdd(new MqttPublish { Topic = "t"u8 }, MqttVersion.V5));
    }
}
