using System.Text.Json;
using System.Text.Json.Serialization;
using StreamRnn.Engine;

namespace StreamRnn.Lab.Bench;

/// <summary>Figures of a benchmark. A figure that is not finite ends the command in words: nothing was measured.</summary>
internal static class Measured
{
    /// <summary>A quotient, such as microseconds per tick.</summary>
    /// <param name="case">The measurement, as it is named in its line.</param>
    /// <param name="counted">The divisor in the plural, such as <c>ticks</c>.</param>
    public static double Per(double total, double count, string @case, string counted) => double.IsFinite(total / count)
        ? total / count
        : throw new CommandFailedException($"{@case}: nothing was measured, it counted no {counted}; measure for longer, or on a machine with less to do");

    /// <summary>A number that an algorithm has come to, such as a loss.</summary>
    public static double Finite(double number, string @case, string name) => double.IsFinite(number)
        ? number
        : throw new CommandFailedException($"{@case}: {name} is {number}, so the run says nothing");

    /// <summary>Writes numbers into JSON, which has none that is not finite.</summary>
    internal sealed class Converter : JsonConverter<double>
    {
        public override double Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) => reader.GetDouble();

        public override void Write(Utf8JsonWriter writer, double value, JsonSerializerOptions options) =>
            writer.WriteNumberValue(double.IsFinite(value) ? value : throw new CommandFailedException($"one of the figures is {value}, so they are not printed"));
    }
}
