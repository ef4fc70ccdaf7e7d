using System.Security.Cryptography;
using System.Text;
using StreamRnn.Ingest.Mqtt.Codec;

namespace StreamRnn.Ingest.Mqtt.Broker;

/// <summary>CONNECT and CONNACK: who may come in, on which terms.</summary>
internal static class BrokerHandshake
{
    private const int MaximumClientIdBytes = 1024;
    private const int MaximumWillBytes = 16 * 1024;

    public static BrokerVerdict Check(in MqttPacket packet, MqttBrokerOptions options, out MqttConnect connect)
    {
        MqttFault fault = MqttConnect.TryParse(packet, out connect);
        if (fault != MqttFault.None)
            return BrokerVerdict.Malformed(fault);
        if (connect.Properties.TryGet(MqttPropertyId.AuthenticationMethod, out _))
            return Refusal(MqttBrokerClose.NotAuthorized, MqttReasonCode.BadAuthenticationMethod, "enhanced authentication is not offered");
        if (!IsAuthentic(connect, options))
            return Refusal(MqttBrokerClose.NotAuthorized, MqttReasonCode.BadUserNameOrPassword, "bad user name or password");
        if (connect.ClientId.Length > MaximumClientIdBytes)
            return Refusal(MqttBrokerClose.SessionRefused, MqttReasonCode.ClientIdentifierNotValid, "the client id is too long");
        if (connect.ClientId.IsEmpty && !connect.CleanStart && connect.Version == MqttVersion.V311)
            return Refusal(MqttBrokerClose.SessionRefused, MqttReasonCode.ClientIdentifierNotValid, "a session to keep, without a client id");
        if (connect.WillTopic.Length + connect.WillPayload.Length + connect.WillProperties.Bytes.Length > MaximumWillBytes)
            return Refusal(MqttBrokerClose.SessionRefused, MqttReasonCode.QuotaExceeded, "the will is too large");
        return BrokerVerdict.GoOn;

        static BrokerVerdict Refusal(MqttBrokerClose reason, MqttReasonCode code, string detail) => new(reason, code, detail);
    }

    /// <summary>Answers a CONNECT that is not accepted. A client of an unknown version gets what MQTT 3.1.1 has for that.</summary>
    public static void Refuse(BrokerConnection connection, MqttVersion version, MqttReasonCode code)
    {
        Span<byte> packet = stackalloc byte[16];
        MqttVersion answer = version >= MqttVersion.V5 ? MqttVersion.V5 : MqttVersion.V311;
        MqttPacketWriter.TryWrite(packet, answer, new MqttConnack { ReasonCode = code }, out int length);
        connection.Reply(packet[..length]);
    }

    /// <summary>Gives the connection its session and tells the client the terms.</summary>
    public static BrokerSession Accept(MqttBroker broker, BrokerConnection connection, in MqttConnect connect, out int keepAliveSeconds, out bool isResumed)
    {
        MqttBrokerOptions options = broker.Options;
        MqttVersion version = connect.Version;
        bool assigned = connect.ClientId.IsEmpty;
        string clientId = assigned ? $"auto-{Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(8))}" : Encoding.UTF8.GetString(connect.ClientId);

        uint askedExpiry = version == MqttVersion.V5 ? connect.Properties.NumberOr(MqttPropertyId.SessionExpiryInterval, 0)
            : connect.CleanStart ? 0 : uint.MaxValue;
        long expiry = ExpiryMilliseconds(options, askedExpiry);

        int limit = version == MqttVersion.V5 ? options.MaximumKeepAliveSeconds : 0;
        bool shortened = limit > 0 && (connect.KeepAliveSeconds == 0 || connect.KeepAliveSeconds > limit);
        int keepAlive = keepAliveSeconds = shortened ? limit : connect.KeepAliveSeconds;

        BrokerMessage? will = !connect.HasWill ? null : new BrokerMessage(new MqttPublish
        {
            Topic = connect.WillTopic,
            Payload = connect.WillPayload,
            Qos = connect.WillQos,
            Retain = connect.WillRetain,
        }, connect.WillProperties, broker.State.Now);
        long willDelay = connect.WillProperties.NumberOr(MqttPropertyId.WillDelayInterval, 0) * 1000L;

        bool wasPresent = false;
        BrokerSession session = broker.State.Attach(connection, clientId, connect.CleanStart, expiry, will, willDelay, present =>
        {
            wasPresent = present;
            SendTerms(present);
            Log.ClientConnected(broker.Logger, clientId, connection.Remote, version, present);
        });
        isResumed = wasPresent;
        return session;

        void SendTerms(bool present)
        {
            byte[] packet = new byte[128 + clientId.Length];
            var terms = new MqttPropertyWriter(stackalloc byte[96 + 16]);
            if (version == MqttVersion.V5)
            {
                terms.Number(MqttPropertyId.ReceiveMaximum, (uint)options.ReceiveMaximum);
                terms.Number(MqttPropertyId.MaximumPacketSize, (uint)options.MaximumPacketBytes);
                terms.Number(MqttPropertyId.TopicAliasMaximum, (uint)options.TopicAliasMaximum);
                terms.Number(MqttPropertyId.SharedSubscriptionAvailable, 0);
                if (expiry != askedExpiry * 1000L)
                    terms.Number(MqttPropertyId.SessionExpiryInterval, (uint)(expiry / 1000));
                if (shortened)
                    terms.Number(MqttPropertyId.ServerKeepAlive, (uint)keepAlive);
                if (assigned)
                    terms.Bytes(MqttPropertyId.AssignedClientIdentifier, Encoding.UTF8.GetBytes(clientId));
            }
            MqttPacketWriter.TryWrite(packet, version, new MqttConnack { SessionPresent = present, Properties = terms.Properties }, out int length);
            connection.Reply(packet.AsSpan(0, length));
        }
    }

    public static long ExpiryMilliseconds(MqttBrokerOptions options, uint seconds) =>
        Math.Min(seconds * 1000L, (long)options.MaximumSessionExpiry.TotalMilliseconds);

    private static bool IsAuthentic(in MqttConnect connect, MqttBrokerOptions options)
    {
        if (options.UserName is null)
            return true;
        // Both are compared whole, so that the time taken tells nothing.
        return FixedTimeEquals(connect.UserName, options.UserName) & FixedTimeEquals(connect.Password, options.Password ?? "");
    }

    private static bool FixedTimeEquals(ReadOnlySpan<byte> given, string wanted) =>
        CryptographicOperations.FixedTimeEquals(SHA256.HashData(given), SHA256.HashData(Encoding.UTF8.GetBytes(wanted)));
}
