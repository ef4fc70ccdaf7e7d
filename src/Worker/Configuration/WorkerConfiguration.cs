using System.ComponentModel;
using System.Globalization;
using System.Text.RegularExpressions;
using Microsoft.Extensions.Configuration;
using StreamRnn.Engine;

namespace StreamRnn.Worker.Configuration;

/// <summary>Reads the settings: appsettings.json, then the environment, then arguments; whatever comes later wins.</summary>
internal static partial class WorkerConfiguration
{
    public const string FileName = "appsettings.json";

    // Durations are written one way everywhere; the platform's own converter knows the colons only.
    static WorkerConfiguration() => TypeDescriptor.AddAttributes(typeof(TimeSpan), new TypeConverterAttribute(typeof(DurationConverter)));

    /// <summary>The sources in rising order: the file beside the executable, the one in the current directory, a named one, the environment.</summary>
    /// <param name="file">From <c>--config</c>; must exist where it is named.</param>
    public static IConfigurationRoot Read(string? file)
    {
        ConfigurationBuilder builder = new();
        builder.AddJsonFile(Path.Combine(AppContext.BaseDirectory, FileName), optional: true);
        builder.AddJsonFile(Path.Combine(Environment.CurrentDirectory, FileName), optional: true);
        if (file is not null)
            builder.AddJsonFile(Path.GetFullPath(file), optional: false);
        builder.AddEnvironmentVariables();
        try
        {
            return builder.Build();
        }
        catch (FileNotFoundException)
        {
            throw new ConfigurationException([$"{Path.GetFullPath(file!)} does not exist"]);
        }
        catch (InvalidDataException e)
        {
            throw new ConfigurationException([$"{e.Message} {e.GetBaseException().Message}"]);
        }
    }

    /// <summary>The options as the sources have them, over the defaults, changed by the arguments, and checked.</summary>
    /// <exception cref="ConfigurationException">A key is unknown, a value cannot be read, or a rule is broken.</exception>
    public static StreamRnnOptions Load(IConfigurationRoot configuration, Func<StreamRnnOptions, StreamRnnOptions>? arguments = null)
    {
        IConfigurationSection section = configuration.GetSection(StreamRnnOptions.Section);
        List<string> problems = [.. Misspelt(configuration), .. UnknownKeys.Find(section, typeof(StreamRnnOptions))];
        Report(problems);

        StreamRnnOptions options = Bind(section);
        if (arguments is not null)
            options = arguments(options);
        problems.AddRange(OptionsRules.Check(options, StreamRnnOptions.Section));
        Report(problems);
        return options;
    }

    private static StreamRnnOptions Bind(IConfigurationSection section)
    {
        try
        {
            // Without it a value of a list's entry that cannot be read would drop the entry and say nothing.
            return section.Get<StreamRnnOptions>(binder => binder.ErrorOnUnknownConfiguration = true) ?? new StreamRnnOptions();
        }
        catch (InvalidOperationException e)
        {
            InvalidOperationException value = e;
            while (value.InnerException is InvalidOperationException inner)
                value = inner;
            throw new ConfigurationException([InWords(value.Message)]);
        }
    }

    // The binder names types as a programmer would.
    private static string InWords(string message)
    {
        if (Unreadable().Match(message) is not { Success: true } match)
            return message;
        string name = match.Groups["type"].Value;
        Type? type = AppDomain.CurrentDomain.GetAssemblies().Select(assembly => assembly.GetType(name)).FirstOrDefault(found => found is not null);
        string takes = type switch
        {
            { IsEnum: true } => Choice(Enum.GetNames(type)),
            _ when type == typeof(TimeSpan) => $"a length of time: {Duration.Forms}",
            _ when type == typeof(bool) => "true or false",
            _ when type == typeof(int) || type == typeof(long) => "a whole number",
            _ => "a number",
        };
        return $"{match.Groups["key"].Value} is '{match.Groups["value"].Value}'; it takes {takes}";
    }

    private static string Choice(string[] names) => $"{string.Join(", ", names[..^1])} or {names[^1]}";

    [GeneratedRegex("^Failed to convert configuration value '(?<value>.*)' at '(?<key>[^']*)' to type '(?<type>[^']*)'\\.", RegexOptions.Singleline)]
    private static partial Regex Unreadable();

    // The environment holds names of all kinds; a near miss of our own section is a typo all the same.
    private static IEnumerable<string> Misspelt(IConfigurationRoot configuration) =>
        configuration.GetChildren()
            .Where(section => section.GetChildren().Any() && UnknownKeys.Distance(section.Key, StreamRnnOptions.Section) is 1 or 2)
            .Select(section => $"{section.Key} is unknown; did you mean {StreamRnnOptions.Section}?");

    private static void Report(List<string> problems)
    {
        if (problems.Count > 0)
            throw new ConfigurationException(problems);
    }

    private sealed class DurationConverter : TypeConverter
    {
        public override bool CanConvertFrom(ITypeDescriptorContext? context, Type sourceType) => sourceType == typeof(string);

        public override object ConvertFrom(ITypeDescriptorContext? context, CultureInfo? culture, object value) =>
            Duration.TryParse((string)value, out TimeSpan duration)
                ? duration
                : throw new FormatException($"'{value}' is no length of time; write {Duration.Forms}.");
    }
}
