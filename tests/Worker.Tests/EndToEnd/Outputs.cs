using System.Globalization;
using System.Text.Json;

namespace StreamRnn.Worker.Tests.EndToEnd;

/// <summary>What a reader makes of output messages.</summary>
internal static class Outputs
{
    /// <summary>The values of <c>n</c> of every stream, in the order they came.</summary>
    public static Dictionary<string, List<long>> NumbersByTopic(IEnumerable<Message> forecasts)
    {
        Dictionary<string, List<long>> numbers = [];
        foreach (Message message in forecasts)
        {
            if (!numbers.TryGetValue(message.Topic, out List<long>? ofTopic))
                numbers.Add(message.Topic, ofTopic = []);
            ofTopic.Add(Number(message.Payload));
        }
        return numbers;
    }

    public static long Number(string payload) => JsonDocument.Parse(payload).RootElement.GetProperty("n").GetInt64();

    public static double Value(string payload) => JsonDocument.Parse(payload).RootElement.GetProperty("value").GetDouble();

    /// <summary>A forecast as the row that a replay writes of it: its numbers in the same order and form, and whether an anomaly went with it.</summary>
    public static string AsReplayRow(string payload, bool anomaly)
    {
        JsonElement forecast = JsonDocument.Parse(payload).RootElement;
        string doubles = string.Join(',', new[] { "value", "forecast", "lower", "upper" }.Select(name => Double(forecast.GetProperty(name))));
        return $"{doubles},{Single(forecast.GetProperty("surprise"))},{Single(forecast.GetProperty("score"))},{(anomaly ? 1 : 0)}";
    }

    private static string Double(JsonElement number) =>
        number.ValueKind == JsonValueKind.Null ? "" : number.GetDouble().ToString("R", CultureInfo.InvariantCulture);

    private static string Single(JsonElement number) =>
        number.ValueKind == JsonValueKind.Null ? "" : number.GetSingle().ToString("R", CultureInfo.InvariantCulture);
}
