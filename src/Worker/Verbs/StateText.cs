using System.Text;
using StreamRnn.Engine.Publish;

namespace StreamRnn.Worker.Verbs;

/// <summary>Times and numbers of a state as outputs write them.</summary>
internal static class StateText
{
    /// <param name="time">Nanoseconds since 1970 UTC.</param>
    public static string Time(long time)
    {
        Span<byte> text = stackalloc byte[Utf8Text.MaxLength];
        return Encoding.ASCII.GetString(text[..Utf8Text.WriteTime(time, text)]);
    }

    /// <summary>Empty where it is not known.</summary>
    public static string Number(double number)
    {
        Span<byte> text = stackalloc byte[Utf8Text.MaxLength];
        return double.IsFinite(number) ? Encoding.ASCII.GetString(text[..Utf8Text.Write(number, text)]) : "";
    }

    /// <inheritdoc cref="Number(double)"/>
    public static string Number(float number)
    {
        Span<byte> text = stackalloc byte[Utf8Text.MaxLength];
        return float.IsFinite(number) ? Encoding.ASCII.GetString(text[..Utf8Text.Write(number, text)]) : "";
    }
}
