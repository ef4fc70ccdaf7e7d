using StreamRnn.Ingest.Mqtt.Codec;
using StreamRnn.Ingest.Mqtt.Delivery;

namespace StreamRnn.Ingest.Tests.Mqtt.Codec;

public class MqttCodecTests
{
    private const int Seed = 20_260_101;

    public static TheoryData<int> Samples => [.. Enumerable.Range(0, MqttSamples.All.Count)];

    [Theory, MemberData(nameof(Samples))]
    public void A_packet_read_and_written_again_is_the_same_bytes(int index)
    {
        MqttSamples.Sample sample = MqttSamples.All[index];
        byte[] again = new byte[sample.Bytes.Length];

        MqttReadResult result = MqttPacketReader.TryRead(sample.Bytes, sample.Bytes.Length, out MqttPacket packet, out _);
        Assert.Equal(MqttReadResult.Packet, result);
        Assert.Equal(MqttFault.None, MqttSamples.TryRewrite(sample.Version, packet, again, out int written));

        Assert.Equal(sample.Bytes.Length, packet.Length);
        Assert.Equal(sample.Bytes, again[..written]);
    }

    [Theory, MemberData(nameof(Samples))]
    public void A_packet_that_has_not_all_come_is_waited_for_at_every_split(int index)
    {
        MqttSamples.Sample sample = MqttSamples.All[index];
        byte[] stream = [.. sample.Bytes, .. sample.Bytes];
        for (int cut = 0; cut < sample.Bytes.Length; cut++)
            Assert.Equal(MqttReadResult.NeedMore, MqttPacketReader.TryRead(stream.AsSpan(0, cut), 1 << 20, out _, out _));

        Assert.Equal(MqttReadResult.Packet, MqttPacketReader.TryRead(stream, 1 << 20, out MqttPacket packet, out _));
        Assert.Equal(sample.Bytes.Length, packet.Length);
    }

    [Theory, MemberData(nameof(Samples))]
    public void A_body_that_ends_too_early_is_a_fault_or_a_shorter_packet_that_round_trips(int index)
    {
        MqttSamples.Sample sample = MqttSamples.All[index];
        MqttPacketReader.TryRead(sample.Bytes, 1 << 20, out MqttPacket packet, out _);
        byte[] first = new byte[1024];
        byte[] second = new byte[1024];
        for (int cut = 0; cut < packet.Body.Length; cut++)
        {
            var cutPacket = new MqttPacket { Type = packet.Type, Flags = packet.Flags, Body = packet.Body[..cut], Length = packet.Length };
            if (MqttSamples.TryRewrite(sample.Version, cutPacket, first, out int length) == MqttFault.None)
                AssertRoundTrips(sample.Version, first.AsSpan(0, length), second);
        }
    }

    [Theory, MemberData(nameof(Samples))]
    public void A_buffer_that_is_too_small_by_any_amount_is_refused(int index)
    {
        MqttSamples.Sample sample = MqttSamples.All[index];
        MqttPacketReader.TryRead(sample.Bytes, 1 << 20, out MqttPacket packet, out _);
        if (packet.Type is MqttPacketType.Pingreq or MqttPacketType.Pingresp)
            return;
        for (int size = 0; size < sample.Bytes.Length; size++)
        {
            bool refused = false;
            try
            {
                MqttSamples.TryRewrite(sample.Version, packet, new byte[size], out _);
            }
            catch (InvalidOperationException)
            {
                refused = true;
            }
            Assert.True(refused, $"{sample} was written into {size} of {sample.Bytes.Length} bytes");
        }
    }

    [Theory, MemberData(nameof(Samples))]
    public void A_packet_over_the_maximum_size_is_refused_by_its_header(int index)
    {
        MqttSamples.Sample sample = MqttSamples.All[index];
        int header = sample.Bytes.Length > 129 ? 3 : 2;
        MqttReadResult result =
            MqttPacketReader.TryRead(sample.Bytes.AsSpan(0, header), sample.Bytes.Length - 1, out _, out MqttFault fault);
        Assert.Equal((MqttReadResult.Malformed, MqttFault.PacketTooLarge), (result, fault));
    }

    [Theory, MemberData(nameof(Samples))]
    public void A_thousand_mutations_are_faults_or_packets_and_never_a_throw(int index)
    {
        MqttSamples.Sample sample = MqttSamples.All[index];
        var random = new Random(Seed + index);
        byte[] scratch = new byte[2048];
        byte[] again = new byte[2048];
        for (int i = 0; i < 1000 * Cases.Times; i++)
        {
            Exception? thrown = Record.Exception(() => MqttMutation.Run(sample, random, scratch, again));
            Assert.True(thrown is null, $"seed {Seed}, case {i}: {thrown}");
        }
    }

    [Fact]
    public void Reading_a_message_allocates_nothing()
    {
        byte[] bytes = MqttSamples.All.Single(s => s.Name == "PUBLISH QoS 1" && s.Version == MqttVersion.V5).Bytes;
        byte[] again = new byte[bytes.Length];
        Assert.Equal(0, Allocations.Least(10_000, () =>
        {
            MqttPacketReader.TryRead(bytes, 1 << 20, out MqttPacket packet, out _);
            MqttPublish.TryParse(packet, MqttVersion.V5, out MqttPublish publish);
            publish.Properties.TryGetUser("traceparent"u8, out _);
            MqttPacketWriter.TryWrite(again, MqttVersion.V5, publish, out _);
        }));
    }

    private static void AssertRoundTrips(MqttVersion version, ReadOnlySpan<byte> bytes, byte[] scratch)
    {
        Assert.Equal(MqttReadResult.Packet, MqttPacketReader.TryRead(bytes, 1 << 20, out MqttPacket packet, out _));
        Assert.Equal(MqttFault.None, MqttSamples.TryRewrite(version, packet, scratch, out int length));
        Assert.True(bytes.SequenceEqual(scratch.AsSpan(0, length)), Convert.ToHexString(bytes));
    }
}
