using System.Buffers.Text;
using System.Text;

namespace StreamRnn.Ingest.Payloads;

/// <summary>
/// The whole payload is one number, as Homie, ESPHome, Telegraf and scripts send it: <c>21.5</c>, also <c>true</c> and <c>false</c>. The
/// stream is the topic, the time the arrival.
/// </summary>
public static class PlainPayload
{
    /// <param name="text">Without white space around it.</param>
    public static TickFault Decode(ReadOnlySpan<byte> text, ReadingBuffer into)
    {
        if (text.SequenceEqual("true"u8) || text.SequenceEqual("false"u8))
            into.Add(default, text.Length == 4 ? 1 : 0, ReadingBuffer.NoTime);
        else if (text.Length <= 1024 && Utf8Parser.TryParse(text, out double value, out int read) && read == text.Length)
            into.Add(default, value, ReadingBuffer.NoTime);
        else if (IsNotFinite(text))
            into.Refuse(TickFault.NotFinite);
        else
            return TickFault.UnknownPayload;
        return TickFault.None;
    }

    /// <summary>NaN and the infinities as programs spell them.</summary>
    private static bool IsNotFinite(ReadOnlySpan<byte> text)
    {
        if (text is [(byte)'+' or (byte)'-', ..])
            text = text[1..];
        return Ascii.EqualsIgnoreCase(text, "nan"u8) || Ascii.EqualsIgnoreCase(text, "inf"u8) || Ascii.EqualsIgnoreCase(text, "infinity"u8);
    }
}
