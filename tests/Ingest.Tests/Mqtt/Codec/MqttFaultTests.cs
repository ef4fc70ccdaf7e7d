using StreamRnn.Ingest.Mqtt.Codec;
using StreamRnn.Ingest.Mqtt.Delivery;

namespace StreamRnn.Ingest.Tests.Mqtt.Codec;

public class MqttFaultTests
{
    [Theory]
    [InlineData("00 00", MqttFault.PacketType)]
    [InlineData("36 00", MqttFault.Qos)] // QoS 3
    [InlineData("38 00", MqttFault.Qos)] // DUP at QoS 0
    [InlineData("80 00", MqttFault.ReservedBits)] // SUBSCRIBE without its fixed flags
    [InlineData("41 02", MqttFault.ReservedBits)]
    [InlineData("C0 01", MqttFault.TrailingBytes)]
    [InlineData("30 FF FF FF FF", MqttFault.VariableByteInteger)]
    [InlineData("30 FF FF FF 80", MqttFault.VariableByteInteger)]
    [InlineData("30 80 00", MqttFault.VariableByteInteger)] // longer than its value needs
    [InlineData("30 FF FF FF 7F", MqttFault.PacketTooLarge)]
    public void A_bad_fixed_header_is_refused_before_the_body(string hex, MqttFault expected)
    {
        MqttReadResult result = MqttPacketReader.TryRead(Bytes(hex), 1 << 20, out _, out MqttFault fault);
        Assert.Equal((MqttReadResult.Malformed, expected), (result, fault));
    }

    [Theory]
    [InlineData(MqttVersion.V311, "30 02 0000", MqttFault.TopicName)]
    [InlineData(MqttVersion.V311, "30 03 0001 23", MqttFault.TopicName)]
    [InlineData(MqttVersion.V311, "30 03 0001 2B", MqttFault.TopicName)]
    [InlineData(MqttVersion.V311, "30 03 0001 00", MqttFault.IllFormedText)]
    [InlineData(MqttVersion.V311, "30 03 0001 FF", MqttFault.IllFormedText)]
    [InlineData(MqttVersion.V311, "30 05 0003 EDA080", MqttFault.IllFormedText)] // a surrogate
    [InlineData(MqttVersion.V311, "30 04 0002 C0AF", MqttFault.IllFormedText)] // an overlong '/'
    [InlineData(MqttVersion.V311, "30 03 0002 61", MqttFault.Truncated)]
    [InlineData(MqttVersion.V311, "32 05 0001 61 0000", MqttFault.PacketIdZero)]
    [InlineData(MqttVersion.V5, "30 03 0000 00", MqttFault.TopicName)] // no topic and no alias
    [InlineData(MqttVersion.V5, "30 06 0000 03 23 0000", MqttFault.TopicAlias)]
    [InlineData(MqttVersion.V5, "30 08 0001 61 04 01 00 01 00", MqttFault.PropertyDuplicate)]
    [InlineData(MqttVersion.V5, "30 06 0001 61 02 01 02", MqttFault.PropertyValue)]
    [InlineData(MqttVersion.V5, "30 06 0001 61 02 0B 00", MqttFault.PropertyValue)] // subscription identifier 0
    [InlineData(MqttVersion.V5, "30 06 0001 61 02 07 00", MqttFault.PropertyNotAllowed)]
    [InlineData(MqttVersion.V5, "30 07 0001 61 03 21 0001", MqttFault.PropertyNotAllowed)] // receive maximum
    [InlineData(MqttVersion.V5, "30 08 0001 61 04 08 0001 23", MqttFault.TopicName)] // response topic '#'
    [InlineData(MqttVersion.V5, "30 06 0001 61 7F 01 00", MqttFault.Truncated)]
    [InlineData(MqttVersion.V311, "40 02 0000", MqttFault.PacketIdZero)]
    [InlineData(MqttVersion.V311, "40 03 0001 00", MqttFault.TrailingBytes)]
    [InlineData(MqttVersion.V5, "40 05 0001 00 00 00", MqttFault.TrailingBytes)]
    [InlineData(MqttVersion.V311, "82 02 0001", MqttFault.EmptyList)]
    [InlineData(MqttVersion.V311, "82 06 0001 0001 61 03", MqttFault.Qos)]
    [InlineData(MqttVersion.V311, "82 06 0001 0001 61 04", MqttFault.SubscriptionOptions)]
    [InlineData(MqttVersion.V311, "82 05 0001 0000 00", MqttFault.TopicFilter)]
    [InlineData(MqttVersion.V311, "82 07 0001 0002 612B 00", MqttFault.TopicFilter)]
    [InlineData(MqttVersion.V311, "82 05 0001 0001 61", MqttFault.Truncated)]
    [InlineData(MqttVersion.V5, "82 07 0001 00 0001 61 30", MqttFault.SubscriptionOptions)]
    [InlineData(MqttVersion.V5, "82 07 0001 00 0001 61 40", MqttFault.SubscriptionOptions)]
    [InlineData(MqttVersion.V311, "A2 02 0001", MqttFault.EmptyList)]
    [InlineData(MqttVersion.V311, "90 03 0001 03", MqttFault.ReasonCode)]
    [InlineData(MqttVersion.V311, "90 02 0001", MqttFault.EmptyList)]
    [InlineData(MqttVersion.V311, "20 02 02 00", MqttFault.ReservedBits)]
    [InlineData(MqttVersion.V311, "20 02 01 05", MqttFault.ReservedBits)] // a session, though refused
    [InlineData(MqttVersion.V311, "20 02 00 06", MqttFault.ReasonCode)]
    [InlineData(MqttVersion.V311, "E0 01 00", MqttFault.TrailingBytes)]
    [InlineData(MqttVersion.V311, "F0 00", MqttFault.PacketType)]
    [InlineData(MqttVersion.V5, "F0 09 18 07 16 0004 00000000", MqttFault.PropertyNotAllowed)] // data without a method
    [InlineData(MqttVersion.V311, "10 0C 0006 4D5149736470 03 02 003C", MqttFault.ProtocolName)]
    [InlineData(MqttVersion.V311, "10 0C 0004 4D515454 03 02 003C 0000", MqttFault.ProtocolVersion)]
    [InlineData(MqttVersion.V311, "10 0C 0004 4D515454 04 03 003C 0000", MqttFault.ReservedBits)]
    [InlineData(MqttVersion.V311, "10 0C 0004 4D515454 04 18 003C 0000", MqttFault.Qos)]
    [InlineData(MqttVersion.V311, "10 0C 0004 4D515454 04 20 003C 0000", MqttFault.ConnectFlags)]
    [InlineData(MqttVersion.V311, "10 0C 0004 4D515454 04 40 003C 0000", MqttFault.ConnectFlags)] // a password, no user name
    [InlineData(MqttVersion.V311, "10 0D 0004 4D515454 04 02 003C 0000 00", MqttFault.TrailingBytes)]
    public void A_bad_body_is_a_fault_with_its_reason(MqttVersion version, string hex, MqttFault expected)
    {
        byte[] bytes = Bytes(hex);
        Assert.Equal(MqttReadResult.Packet, MqttPacketReader.TryRead(bytes, 1 << 20, out MqttPacket packet, out _));
        Assert.Equal(bytes.Length, packet.Length);
        Assert.Equal(expected, MqttSamples.TryRewrite(version, packet, new byte[64], out _));
    }

    [Fact]
    public void Subscription_identifiers_may_repeat_in_a_publish_and_not_in_a_subscribe()
    {
        Assert.Equal(MqttFault.None, Rewrite("30 08 0001 61 04 0B 01 0B 02"));
        Assert.Equal(MqttFault.PropertyDuplicate, Rewrite("82 0B 0001 04 0B 01 0B 02 0001 61 00"));

        static MqttFault Rewrite(string hex)
        {
            MqttPacketReader.TryRead(Bytes(hex), 1 << 20, out MqttPacket packet, out _);
            return MqttSamples.TryRewrite(MqttVersion.V5, packet, new byte[64], out _);
        }
    }

    /// <summary>The specification's lists bind the sender: mosquitto's 0x95 is not on that of PUBACK.</summary>
    [Theory]
    [InlineData("40 03 0001")]
    [InlineData("50 03 0001")]
    [InlineData("62 03 0001")]
    [InlineData("70 03 0001")]
    public void An_acknowledgement_may_carry_any_code(string hex)
    {
        for (int code = 0; code <= byte.MaxValue; code++)
        {
            MqttPacketReader.TryRead(Bytes($"{hex}{code:X2}"), 1 << 20, out MqttPacket packet, out _);
            Assert.Equal(MqttFault.None, MqttAcknowledgement.TryParse(packet, MqttVersion.V5, out MqttAcknowledgement acknowledgement));
            Assert.Equal(code, (int)acknowledgement.ReasonCode);
            Assert.Equal(code >= 0x80, acknowledgement.ReasonCode.Refuses());
        }
    }

    private static byte[] Bytes(string hex) => Convert.FromHexString(hex.Replace(" ", ""));
}
