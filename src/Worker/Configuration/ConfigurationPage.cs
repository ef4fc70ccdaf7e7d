using System.ComponentModel.DataAnnotations;
using System.Globalization;
using System.Reflection;
using System.Text;
using StreamRnn.Engine;

namespace StreamRnn.Worker.Configuration;

/// <summary>
/// Renders docs/configuration.md from the option records: name, default and range by reflection, the consequence from the summary of each
/// property. A test fails when the file and the records differ.
/// </summary>
internal static class ConfigurationPage
{
    private const string Head = """
        # Configuration

        <!-- Generated from the option records: dotnet run -c Release --project src/Worker -- config page > docs/configuration.md -->

        Settings live under `StreamRnn` in `appsettings.json` (beside the executable, then in the current directory, then the file of `--config`), in the environment, and in
        the options of `run`. An argument wins over the environment, the environment over a file. An unknown key or a value out of range stops the worker and names
        what would do; `streamrnn config check` tests a configuration and connects to nothing.

        `Mqtt:Host` is `{ "StreamRnn": { "Mqtt": { "Host": "broker.lan" } } }` in a file and `StreamRnn__Mqtt__Host=broker.lan` in the environment. Entries of a list are
        numbered: `StreamRnn__Mqtt__Subscriptions__0__Filter=plant/#`. A length of time is written `250ms`, `15s`, `5m`, `1h`, `2d` or `00:00:15`.

        Log levels are under `Logging` as in every .NET program. Metrics, traces and logs leave over OTLP when a standard `OTEL_EXPORTER_OTLP_ENDPOINT` is set.
        """;

    public static string Render()
    {
        StringBuilder page = new(Head.ReplaceLineEndings("\n"));
        page.Append("\n\n");
        RenderRecord(page, typeof(StreamRnnOptions), path: "");
        return page.ToString().TrimEnd('\n') + "\n";
    }

    private static void RenderRecord(StringBuilder page, Type type, string path)
    {
        page.Append(path.Length == 0 ? "## The worker\n\n" : $"## {path}\n\n");
        if (path.Length > 0)
            page.Append(OptionSummaries.Of(type)).Append("\n\n");
        page.Append("| key | default | takes | consequence |\n| --- | --- | --- | --- |\n");

        object defaults = Activator.CreateInstance(type)!;
        List<(Type Type, string Path)> groups = [];
        foreach (PropertyInfo setting in UnknownKeys.Settings(type))
        {
            string key = path.Length == 0 ? setting.Name : $"{path}:{setting.Name}";
            if (UnknownKeys.IsRecord(setting.PropertyType))
            {
                groups.Add((setting.PropertyType, key));
                continue;
            }
            if (UnknownKeys.ItemOf(setting.PropertyType) is Type item)
                groups.Add((item, $"{key}:N"));
            page.Append(CultureInfo.InvariantCulture, $"| `{key}` | {Default(setting.GetValue(defaults))} | {Takes(setting)} | {OptionSummaries.Of(setting)} |\n");
        }
        page.Append('\n');
        foreach ((Type group, string key) in groups)
            RenderRecord(page, group, key);
    }

    private static string Default(object? value) => value switch
    {
        null => "none",
        "" => "must be set",
        bool flag => flag ? "`true`" : "`false`",
        TimeSpan time => $"`{InWords(time)}`",
        string text => $"`{text.Replace(Environment.MachineName, "HOSTNAME", StringComparison.Ordinal)}`",
        System.Collections.IEnumerable => "none",
        IFormattable number => $"`{number.ToString(null, CultureInfo.InvariantCulture)}`",
        _ => $"`{value}`",
    };

    private static string Takes(PropertyInfo setting)
    {
        Type type = Nullable.GetUnderlyingType(setting.PropertyType) ?? setting.PropertyType;
        if (setting.GetCustomAttribute<RangeAttribute>() is RangeAttribute range)
            return $"{Bound(range.Minimum, type)} to {Bound(range.Maximum, type)}";
        if (type.IsEnum)
            return string.Join(", ", Enum.GetNames(type).Select(name => $"`{name}`"));
        if (setting.GetCustomAttribute<StringLengthAttribute>() is StringLengthAttribute length)
            return string.Create(CultureInfo.InvariantCulture, $"text, up to {length.MaximumLength} characters");
        return type == typeof(bool) ? "`true`, `false`" : type == typeof(TimeSpan) ? "a length of time"
            : UnknownKeys.ItemOf(type) is not null ? "a list" : type == typeof(string) ? "text" : "a list of text";
    }

    private static string Bound(object bound, Type type) => type == typeof(TimeSpan)
        ? InWords(TimeSpan.Parse((string)bound, CultureInfo.InvariantCulture))
        : string.Create(CultureInfo.InvariantCulture, $"{bound}");

    /// <summary>The shortest form that <see cref="Duration"/> reads back.</summary>
    private static string InWords(TimeSpan time)
    {
        foreach ((string unit, long ticks) in new[] { ("d", TimeSpan.TicksPerDay), ("h", TimeSpan.TicksPerHour), ("m", TimeSpan.TicksPerMinute), ("s", TimeSpan.TicksPerSecond) })
        {
            if (time.Ticks != 0 && time.Ticks % ticks == 0)
                return string.Create(CultureInfo.InvariantCulture, $"{time.Ticks / ticks}{unit}");
        }
        return time.Ticks == 0 ? "0s" : string.Create(CultureInfo.InvariantCulture, $"{time.TotalMilliseconds}ms");
    }
}
