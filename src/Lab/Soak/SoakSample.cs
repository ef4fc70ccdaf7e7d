using System.Globalization;
using System.Text.Json;

namespace StreamRnn.Lab.Soak;

/// <summary>One look at a worker from outside.</summary>
/// <param name="Seconds">Since the first tick was sent.</param>
/// <param name="ResidentBytes">VmRSS: all that is in memory, pages of files it has read included.</param>
/// <param name="AnonymousBytes">RssAnon: heap, stacks and native memory, what nobody else could give back.</param>
/// <param name="WrittenBytes">To the device, by the process so far.</param>
/// <param name="DataBytes">Of the files in the data directory.</param>
/// <param name="Counts">Counters of the worker, by name.</param>
internal sealed record SoakSample(
    double Seconds, long ResidentBytes, long AnonymousBytes, double CpuSeconds, long WrittenBytes, long DataBytes, long Sent, long Acknowledged,
    IReadOnlyDictionary<string, double> Counts)
{
    public double this[string count] => Counts.GetValueOrDefault(count);

    /// <summary>The columns of the samples, those of the first for all.</summary>
    public string Header => string.Join(',',
        (string[])["seconds", "resident_bytes", "anonymous_bytes", "cpu_seconds", "written_bytes", "data_bytes", "sent", "acknowledged", .. Counts.Keys]);

    public string Row(SoakSample first) => string.Create(CultureInfo.InvariantCulture,
        $"{Seconds:0.0},{ResidentBytes},{AnonymousBytes},{CpuSeconds:0.00},{WrittenBytes},{DataBytes},{Sent},{Acknowledged},{string.Join(',', first.Counts.Keys.Select(key => this[key].ToString(CultureInfo.InvariantCulture)))}");

    /// <summary>The numbers of a status in one list: <c>accepted</c>, <c>streamrnn.ticks.refused.stream_limit</c>.</summary>
    public static Dictionary<string, double> Flatten(JsonElement status)
    {
        Dictionary<string, double> counts = [];
        Add("", status);
        return counts;

        void Add(string prefix, JsonElement element)
        {
            foreach (JsonProperty property in element.EnumerateObject())
            {
                if (property.Value.ValueKind == JsonValueKind.Number)
                    counts[prefix + property.Name] = property.Value.GetDouble();
                else if (property.Value.ValueKind == JsonValueKind.Object)
                    Add(property.Name == "metrics" ? "" : $"{prefix}{property.Name}.", property.Value);
            }
        }
    }
}
