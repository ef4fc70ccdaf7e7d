using StreamRnn.Ingest.Mqtt.Codec;

namespace StreamRnn.Ingest.Tests.Mqtt.Codec;

/// <summary>A valid packet of every type in both versions, small and with everything it can carry.</summary>
internal static class MqttSamples
{
    public sealed record Sample(string Name, MqttVersion Version, byte[] Bytes)
    {
        public override string ToString() => $"{Name} {Version}";
    }

    public static IReadOnlyList<Sample> All { get; } = [.. Create(MqttVersion.V311), .. Create(MqttVersion.V5)];

    private delegate bool Write(Span<byte> into, out int written);

    private static byte[] Bytes(Write write)
    {
        byte[] buffer = new byte[1024];
        return write(buffer, out int written)
            ? buffer[..written]
            : throw new InvalidOperationException($"A sample does not fit into {buffer.Length} bytes.");
    }

    private static IEnumerable<Sample> Create(MqttVersion version)
    {
        Sample sample(string name, Write write) => new(name, version, Bytes(write));

        yield return sample("CONNECT small", (Span<byte> into, out int written) => MqttPacketWriter.TryWrite(
            into, new MqttConnect { Version = version, CleanStart = true, ClientId = "c"u8 }, out written));
        yield return sample("CONNECT full", (Span<byte> into, out int written) => MqttPacketWriter.TryWrite(into, new MqttConnect
        {
            Version = version,
            KeepAliveSeconds = 30,
            Properties = Properties(version, new byte[200], MqttPropertySet.Connect),
            ClientId = "client"u8,
            HasWill = true,
            WillQos = 1,
            WillRetain = true,
            WillProperties = Properties(version, new byte[200], MqttPropertySet.Will),
            WillTopic = "status/client"u8,
            WillPayload = "offline"u8,
            HasUserName = true,
            UserName = "user"u8,
            HasPassword = true,
            Password = "secret"u8,
        }, out written));
        yield return sample("CONNACK", (Span<byte> into, out int written) => MqttPacketWriter.TryWrite(into, version, new MqttConnack
        {
            SessionPresent = true,
            Properties = Properties(version, new byte[300], MqttPropertySet.Connack),
        }, out written));
        yield return sample("CONNACK refused", (Span<byte> into, out int written) => MqttPacketWriter.TryWrite(
            into, version, new MqttConnack { ReasonCode = MqttReasonCode.NotAuthorized }, out written));
        yield return sample("PUBLISH QoS 0", (Span<byte> into, out int written) => MqttPacketWriter.TryWrite(
            into, version, new MqttPublish { Topic = "a/b"u8, Payload = "21.5"u8 }, out written));
        yield return sample("PUBLISH QoS 1", (Span<byte> into, out int written) => MqttPacketWriter.TryWrite(into, version, new MqttPublish
        {
            Topic = "plant/pump/7/température"u8,
            Payload = new byte[200],
            Qos = 1,
            Retain = true,
            Dup = true,
            PacketId = 513,
            Properties = Properties(version, new byte[200], MqttPropertySet.Publish),
        }, out written));
        yield return sample("PUBLISH QoS 2", (Span<byte> into, out int written) => MqttPacketWriter.TryWrite(
            into, version, new MqttPublish { Topic = "a"u8, Qos = 2, PacketId = 1 }, out written));

        foreach (MqttPacketType type in (MqttPacketType[])
            [MqttPacketType.Puback, MqttPacketType.Pubrec, MqttPacketType.Pubrel, MqttPacketType.Pubcomp])
        {
            yield return sample($"{type}", (Span<byte> into, out int written) => MqttPacketWriter.TryWrite(
                into, version, new MqttAcknowledgement { Type = type, PacketId = 7 }, out written));
            yield return sample($"{type} full", (Span<byte> into, out int written) => MqttPacketWriter.TryWrite(
                into, version, new MqttAcknowledgement
                {
                    Type = type,
                    PacketId = 65_535,
                    ReasonCode = version == MqttVersion.V311 ? MqttReasonCode.Success
                        : type is MqttPacketType.Puback or MqttPacketType.Pubrec ? MqttReasonCode.NoMatchingSubscribers
                        : MqttReasonCode.PacketIdentifierNotFound,
                    Properties = Properties(version, new byte[100], MqttPropertySet.Acknowledgement),
                }, out written));
        }

        yield return sample("SUBSCRIBE", (Span<byte> into, out int written) =>
        {
            var filters = new MqttTopicFilterWriter(new byte[100]);
            filters.Add(new MqttTopicFilter { Filter = "#"u8 });
            bool five = version == MqttVersion.V5;
            filters.Add(new MqttTopicFilter
            {
                Filter = "plant/+/temperature"u8,
                Qos = 2,
                NoLocal = five,
                RetainAsPublished = five,
                RetainHandling = five ? MqttRetainHandling.DoNotSend : MqttRetainHandling.Send,
            });
            return MqttPacketWriter.TryWrite(into, version, new MqttSubscribe
            {
                PacketId = 2,
                Properties = Properties(version, new byte[100], MqttPropertySet.Subscribe),
                Filters = filters.Filters,
            }, out written);
        });
        yield return sample("SUBACK", (Span<byte> into, out int written) => MqttPacketWriter.TryWrite(into, version, new MqttSuback
        {
            Type = MqttPacketType.Suback,
            PacketId = 2,
            Properties = Properties(version, new byte[100], MqttPropertySet.Acknowledgement),
            ReasonCodes = [0, 1, 2, 0x80],
        }, out written));
        yield return sample("UNSUBSCRIBE", (Span<byte> into, out int written) =>
        {
            var filters = new MqttTopicFilterWriter(new byte[100]);
            filters.Add("a/#"u8);
            filters.Add("b"u8);
            return MqttPacketWriter.TryWrite(into, version, new MqttUnsubscribe
            {
                PacketId = 3,
                Properties = Properties(version, new byte[100], MqttPropertySet.Unsubscribe),
                Filters = filters.Filters,
            }, out written);
        });
        yield return sample("UNSUBACK", (Span<byte> into, out int written) => MqttPacketWriter.TryWrite(into, version, new MqttSuback
        {
            Type = MqttPacketType.Unsuback,
            PacketId = 3,
            Properties = Properties(version, new byte[100], MqttPropertySet.Acknowledgement),
            ReasonCodes = [0, 0x11],
        }, out written));
        yield return new Sample("PINGREQ", version, MqttPacketWriter.Pingreq.ToArray());
        yield return new Sample("PINGRESP", version, MqttPacketWriter.Pingresp.ToArray());
        yield return sample("DISCONNECT", (Span<byte> into, out int written) => MqttPacketWriter.TryWrite(
            into, version, new MqttDisconnect { Type = MqttPacketType.Disconnect }, out written));
        if (version == MqttVersion.V311)
            yield break;
        yield return sample("DISCONNECT full", (Span<byte> into, out int written) => MqttPacketWriter.TryWrite(
            into, version, new MqttDisconnect
            {
                Type = MqttPacketType.Disconnect,
                ReasonCode = MqttReasonCode.DisconnectWithWill,
                Properties = Properties(version, new byte[200], MqttPropertySet.Disconnect),
            }, out written));
        yield return sample("AUTH", (Span<byte> into, out int written) => MqttPacketWriter.TryWrite(into, version, new MqttDisconnect
        {
            Type = MqttPacketType.Auth,
            ReasonCode = MqttReasonCode.ContinueAuthentication,
            Properties = Properties(version, new byte[200], MqttPropertySet.Auth),
        }, out written));
    }

    /// <summary>Every property of the set once, user properties twice.</summary>
    private static MqttProperties Properties(MqttVersion version, byte[] buffer, ulong set)
    {
        var properties = new MqttPropertyWriter(buffer);
        for (int id = 0; id < 64 && version == MqttVersion.V5; id++)
        {
            if ((set & 1UL << id) == 0)
                continue;
            switch (MqttPropertySet.KindOf((MqttPropertyId)id))
            {
                case MqttPropertyKind.Text or MqttPropertyKind.Binary:
                    properties.Bytes((MqttPropertyId)id, "text"u8);
                    break;
                case MqttPropertyKind.Pair:
                    properties.User("traceparent"u8, "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"u8);
                    properties.User(""u8, ""u8);
                    break;
                case MqttPropertyKind.VariableByteInteger:
                    properties.Number((MqttPropertyId)id, 268_435_455);
                    break;
                default:
                    properties.Number((MqttPropertyId)id, 1);
                    break;
            }
        }
        return properties.Properties;
    }

    /// <summary>Parses a packet and writes it again.</summary>
    public static MqttFault TryRewrite(MqttVersion version, in MqttPacket packet, Span<byte> into, out int written)
    {
        MqttFault fault;
        written = 0;
        bool fits = true;
        switch (packet.Type)
        {
            case MqttPacketType.Connect:
                fault = MqttConnect.TryParse(packet, out MqttConnect connect);
                fits = fault != MqttFault.None || MqttPacketWriter.TryWrite(into, connect, out written);
                break;
            case MqttPacketType.Connack:
                fault = MqttConnack.TryParse(packet, version, out MqttConnack connack);
                fits = fault != MqttFault.None || MqttPacketWriter.TryWrite(into, version, connack, out written);
                break;
            case MqttPacketType.Publish:
                fault = MqttPublish.TryParse(packet, version, out MqttPublish publish);
                fits = fault != MqttFault.None || MqttPacketWriter.TryWrite(into, version, publish, out written);
                break;
            case MqttPacketType.Puback or MqttPacketType.Pubrec or MqttPacketType.Pubrel or MqttPacketType.Pubcomp:
                fault = MqttAcknowledgement.TryParse(packet, version, out MqttAcknowledgement acknowledgement);
                fits = fault != MqttFault.None || MqttPacketWriter.TryWrite(into, version, acknowledgement, out written);
                break;
            case MqttPacketType.Subscribe:
                fault = MqttSubscribe.TryParse(packet, version, out MqttSubscribe subscribe);
                fits = fault != MqttFault.None || MqttPacketWriter.TryWrite(into, version, subscribe, out written);
                break;
            case MqttPacketType.Unsubscribe:
                fault = MqttUnsubscribe.TryParse(packet, version, out MqttUnsubscribe unsubscribe);
                fits = fault != MqttFault.None || MqttPacketWriter.TryWrite(into, version, unsubscribe, out written);
                break;
            case MqttPacketType.Suback or MqttPacketType.Unsuback:
                fault = MqttSuback.TryParse(packet, version, out MqttSuback suback);
                fits = fault != MqttFault.None || MqttPacketWriter.TryWrite(into, version, suback, out written);
                break;
            case MqttPacketType.Disconnect or MqttPacketType.Auth:
                fault = MqttDisconnect.TryParse(packet, version, out MqttDisconnect disconnect);
                fits = fault != MqttFault.None || MqttPacketWriter.TryWrite(into, version, disconnect, out written);
                break;
            default:
                fault = MqttFault.None;
                ReadOnlySpan<byte> ping = packet.Type == MqttPacketType.Pingreq ? MqttPacketWriter.Pingreq : MqttPacketWriter.Pingresp;
                ping.CopyTo(into);
                written = ping.Length;
                break;
        }
        return fits ? fault : throw new InvalidOperationException($"{packet.Type} does not fit into {into.Length} bytes.");
    }
}
