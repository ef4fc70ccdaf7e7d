using StreamRnn.Ingest.Mqtt.Codec;
using StreamRnn.Ingest.Mqtt.Delivery;

namespace StreamRnn.Ingest.Tests.Mqtt.Codec;

/// <summary>Random damage to a packet: bits flipped, bytes overwritten with telling values, cut, repeated, inserted.</summary>
internal static class MqttMutation
{
    private static readonly byte[] Telling = [0x00, 0x01, 0x7F, 0x80, 0xFF, 0xC0, (byte)'+', (byte)'#', (byte)'/', (byte)'$'];

    /// <summary>
    /// One case: a damaged packet is refused, waited for, or read; and what is read is written again as a packet that reads the same.
    /// </summary>
    /// <param name="scratch">Twice the room of a sample, at least.</param>
    /// <exception cref="InvalidOperationException">It did not; the message holds the bytes.</exception>
    public static MqttFault Run(MqttSamples.Sample sample, Random random, byte[] scratch, byte[] again)
    {
        byte[] mutated = Mutate(sample.Bytes, random);
        try
        {
            if (MqttPacketReader.TryRead(mutated, 1024, out MqttPacket packet, out MqttFault fault) != MqttReadResult.Packet)
                return fault;
            fault = MqttSamples.TryRewrite(sample.Version, packet, scratch, out int length);
            if (fault != MqttFault.None)
                return fault;

            ReadOnlySpan<byte> written = scratch.AsSpan(0, length);
            if (MqttPacketReader.TryRead(written, 2048, out MqttPacket second, out _) != MqttReadResult.Packet
                || MqttSamples.TryRewrite(sample.Version, second, again, out length) != MqttFault.None
                || !written.SequenceEqual(again.AsSpan(0, length)))
            {
                throw new InvalidOperationException("What was read is not read the same again.");
            }
            return MqttFault.None;
        }
        catch (Exception e)
        {
            throw new InvalidOperationException($"{sample}, damaged to {Convert.ToHexString(mutated)}: {e.Message}", e);
        }
    }

    public static byte[] Mutate(ReadOnlySpan<byte> packet, Random random)
    {
        List<byte> bytes = [.. packet];
        for (int edits = random.Next(1, 5); edits > 0 && bytes.Count > 0; edits--)
        {
            int at = random.Next(bytes.Count);
            switch (random.Next(6))
            {
                case 0:
                    bytes[at] ^= (byte)(1 << random.Next(8));
                    break;
                case 1:
                    bytes[at] = Telling[random.Next(Telling.Length)];
                    break;
                case 2:
                    bytes[at] = (byte)random.Next(256);
                    break;
                case 3:
                    bytes.RemoveRange(at, random.Next(1, bytes.Count - at + 1));
                    break;
                case 4:
                    bytes.InsertRange(at, bytes.GetRange(at, Math.Min(random.Next(1, 9), bytes.Count - at)));
                    break;
                default:
                    bytes.Insert(at, Telling[random.Next(Telling.Length)]);
                    break;
            }
        }

        // Half the time the length is made to fit again, so that the damage reaches the parsers behind it.
        if (bytes.Count >= 2 && random.Next(2) == 0)
            bytes[1] = (byte)Math.Min(bytes.Count - 2, 127);
        return [.. bytes];
    }
}
