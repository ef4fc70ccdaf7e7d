using System.Runtime.CompilerServices;
using System.Text.Unicode;
using StreamRnn.Ingest.Ticks;

namespace StreamRnn.Ingest.Payloads;

/// <summary>
/// The path of a value inside its payload, as it follows the topic in a stream's name. The name must itself be a legal topic of which no
/// two differ in meaning only, so <c>% + # / : .</c> and control characters are percent-encoded; '.' joins the steps.
/// </summary>
internal static class StreamPath
{
    /// <summary>Longest path: the name it ends may have 1,024 bytes.</summary>
    public const int MaximumBytes = StreamDirectory.MaximumNameBytes;

    /// <summary>Appends a step.</summary>
    /// <param name="path">Holds <paramref name="length"/> bytes of path; where those are 0 no '.' is written.</param>
    /// <returns>The new length, or -1 where the step is empty, no UTF-8, or does not fit.</returns>
    public static int Append(Span<byte> path, int length, ReadOnlySpan<byte> step)
    {
        if (length < 0 || step.IsEmpty || step.Length > MaximumBytes || !Utf8.IsValid(step))
            return -1;
        if (length > 0 && length < path.Length)
            path[length++] = (byte)'.';

        for (int i = 0; i < step.Length; i++)
        {
            byte part = step[i];
            bool control = part < 0x20 || part == 0x7F
                || part == 0xC2 && step[i + 1] < 0xA0 || part is >= 0x80 and < 0xA0 && step[i - 1] == 0xC2;   // U+0080 to U+009F
            if (control || part is (byte)'%' or (byte)'+' or (byte)'#' or (byte)'/' or (byte)':' or (byte)'.')
            {
                if (length + 3 > path.Length)
                    return -1;
                path[length++] = (byte)'%';
                path[length++] = HexDigit(part >> 4);
                path[length++] = HexDigit(part & 15);
            }
            else
            {
                if (length == path.Length)
                    return -1;
                path[length++] = part;
            }
        }
        return length;
    }

    /// <summary>Appends the index of an element of an array.</summary>
    [SkipLocalsInit]
    public static int Append(Span<byte> path, int length, int index)
    {
        Span<byte> digits = stackalloc byte[11];
        index.TryFormat(digits, out int written);
        return Append(path, length, digits[..written]);
    }

    private static byte HexDigit(int value) => (byte)(value < 10 ? '0' + value : 'A' + value - 10);
}
