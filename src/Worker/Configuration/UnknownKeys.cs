using System.Reflection;
using Microsoft.Extensions.Configuration;

namespace StreamRnn.Worker.Configuration;

/// <summary>
/// Finds keys that no option answers to, and single values where a group or a list of them belongs. A key that is silently ignored is a setting its author believes in, so a typo stops the service
/// and is told the nearest key there is.
/// </summary>
internal static class UnknownKeys
{
    public static IEnumerable<string> Find(IConfigurationSection section, Type type)
    {
        PropertyInfo[] settings = [.. Settings(type)];
        if (section.Value is { Length: > 0 } value)
            yield return $"{section.Path} is '{value}', where a group of settings belongs: {Names(settings)}";
        foreach (IConfigurationSection child in section.GetChildren())
        {
            PropertyInfo? setting = Array.Find(settings, p => p.Name.Equals(child.Key, StringComparison.OrdinalIgnoreCase));
            if (setting is null)
            {
                yield return $"{child.Path} is unknown; {Suggest(child.Key, section.Path, settings)}";
            }
            else if (IsRecord(setting.PropertyType))
            {
                foreach (string problem in Find(child, setting.PropertyType))
                    yield return problem;
            }
            else if (ItemOf(setting.PropertyType) is Type item)
            {
                if (child.Value is { Length: > 0 } single)
                    yield return $"{child.Path} is '{single}', where a list of groups belongs, each with {Names([.. Settings(item)])}";
                foreach (string problem in child.GetChildren().SelectMany(entry => Find(entry, item)))
                    yield return problem;
            }
            else if (setting.PropertyType != typeof(IReadOnlyList<string>) && child.GetChildren().Any())
            {
                yield return $"{child.Path} is one value, not a group of them";
            }
        }
    }

    /// <summary>The settings of a record: what configuration can write.</summary>
    public static IEnumerable<PropertyInfo> Settings(Type type) =>
        type.GetProperties(BindingFlags.Public | BindingFlags.Instance).Where(property => property.CanWrite);

    /// <summary>True if a setting is itself a record of settings.</summary>
    public static bool IsRecord(Type type) => type.IsClass && type.Namespace!.StartsWith("StreamRnn.", StringComparison.Ordinal);

    /// <summary>Edits (insert, delete, replace, swap of neighbours) between two keys, upper and lower case alike.</summary>
    public static int Distance(string a, string b)
    {
        // Optimal string alignment: d[i, j] is the distance of the first i characters of a from the first j of b.
        int[,] d = new int[a.Length + 1, b.Length + 1];
        for (int i = 0; i <= a.Length; i++)
            d[i, 0] = i;
        for (int j = 0; j <= b.Length; j++)
            d[0, j] = j;

        for (int i = 1; i <= a.Length; i++)
        {
            for (int j = 1; j <= b.Length; j++)
            {
                int replace = Same(a[i - 1], b[j - 1]) ? 0 : 1;
                d[i, j] = Math.Min(Math.Min(d[i - 1, j], d[i, j - 1]) + 1, d[i - 1, j - 1] + replace);
                if (i > 1 && j > 1 && Same(a[i - 1], b[j - 2]) && Same(a[i - 2], b[j - 1]))
                    d[i, j] = Math.Min(d[i, j], d[i - 2, j - 2] + 1);
            }
        }
        return d[a.Length, b.Length];
    }

    private static bool Same(char a, char b) => char.ToUpperInvariant(a) == char.ToUpperInvariant(b);

    /// <summary>The record of settings that a list holds; null for anything else.</summary>
    public static Type? ItemOf(Type type) => type.IsGenericType ? type.GetGenericArguments().SingleOrDefault(IsRecord) : null;

    private static string Suggest(string key, string path, PropertyInfo[] settings)
    {
        PropertyInfo nearest = settings.MinBy(setting => Distance(setting.Name, key))!;
        return Distance(nearest.Name, key) <= Math.Max(2, key.Length / 3)
            ? $"did you mean {path}:{nearest.Name}?"
            : $"{path} has {Names(settings)}";
    }

    private static string Names(PropertyInfo[] settings) => string.Join(", ", settings.Select(setting => setting.Name));
}
