using System.CommandLine;
using System.Globalization;
using StreamRnn.Engine;

namespace StreamRnn.Lab.Cli;

/// <summary>An option whose value has to be in a range, checked while the command line is read.</summary>
public static class Bounded
{
    /// <param name="rule">What holds of a good value, as in <c>1 to 65535</c>; told where it does not.</param>
    public static Option<T> Option<T>(string name, string description, T byDefault, Func<T, bool> holds, string rule) where T : IParsable<T> =>
        new(name)
        {
            Description = description,
            DefaultValueFactory = _ => byDefault,
            CustomParser = result =>
            {
                if (T.TryParse(result.Tokens[0].Value, CultureInfo.InvariantCulture, out T? value) && holds(value))
                    return value;
                result.AddError($"{name} is '{result.Tokens[0].Value}'; it takes {rule}.");
                return byDefault;
            },
        };

    /// <summary>The same for a length of time.</summary>
    /// <param name="byDefault">As it would be written.</param>
    public static Option<TimeSpan> Duration(string name, string description, string byDefault, TimeSpan least) =>
        new(name)
        {
            Description = $"{description} Written as {Engine.Duration.Forms}; {byDefault} unless given.",
            DefaultValueFactory = _ => Engine.Duration.TryParse(byDefault, out TimeSpan length) ? length : throw new FormatException(byDefault),
            CustomParser = result =>
            {
                if (!Engine.Duration.TryParse(result.Tokens[0].Value, out TimeSpan length) || length < least)
                    result.AddError($"{name} is '{result.Tokens[0].Value}'; it takes {Engine.Duration.Forms}, and at least {least.TotalMilliseconds:0}ms.");
                return length;
            },
        };
}
