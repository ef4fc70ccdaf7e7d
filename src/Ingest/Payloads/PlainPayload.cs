using System.Buffers.Text;
using System.Text;
using StreamRnn.Ingest.Faults;

namespace StreamRnn.Ingest.Payloads;

/// <summary>
/// The whole payload is one number, as Homie, ESPHome, Telegraf and scripts send it: <c>21.5</c>, also <c>true</c> and <c>false</c>. The
/// stream is the topic, the time the arrival.
/// </summary>
internal static class PlainPayload
{
    // More digits than any double has are read exactly too, but a megabyte of them is no measurement.
    private const int LongestNumber = 1024;

    /// <param name="text">Without white space around it.</param>
    public static TickFault Decode(ReadOnlySpan<byte> text, ReadingBuffer into)
    {
        TickFault fault = TryParse(text, out double value);
        if (fault == TickFault.NotANumber)
            return TickFault.UnknownPayload;
        into.Add(default, value, ReadingBuffer.NoTime);
        return TickFault.None;
    }

    /// <summary>Reads a number or a truth value; NaN where there is none.</summary>
    /// <returns><see cref="TickFault.NotANumber"/> for other text, <see cref="TickFault.NotFinite"/> for what cannot be stepped.</returns>
    internal static TickFault TryParse(ReadOnlySpan<byte> text, out double value)
    {
        if (text.Length <= LongestNumber && Utf8Parser.TryParse(text, out value, out int read) && read == text.Length)
            return Math.Abs(value) <= float.MaxValue ? TickFault.None : TickFault.NotFinite;
        value = Ascii.EqualsIgnoreCase(text, "true"u8) ? 1 : Ascii.EqualsIgnoreCase(text, "false"u8) ? 0 : double.NaN;
        return !double.IsNaN(value) ? TickFault.None : IsNotFinite(text) ? TickFault.NotFinite : TickFault.NotANumber;
    }

    /// <summary>NaN and the infinities as programs spell them.</summary>
    private static bool IsNotFinite(ReadOnlySpan<byte> text)
    {
        if (text is [(byte)'+' or (byte)'-', ..])
            text = text[1..];
        return Ascii.EqualsIgnoreCase(text, "nan"u8) || Ascii.EqualsIgnoreCase(text, "inf"u8) || Ascii.EqualsIgnoreCase(text, "infinity"u8);
    }
}
