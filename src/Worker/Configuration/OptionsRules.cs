using System.Collections;
using System.ComponentModel.DataAnnotations;
using System.Reflection;

namespace StreamRnn.Worker.Configuration;

/// <summary>
/// Checks a tree of option records: the annotations of every property, then each record's own rules across fields. All problems at once,
/// each with its key, what was found and what would do.
/// </summary>
internal static class OptionsRules
{
    public static IEnumerable<string> Check(object options, string path)
    {
        foreach (PropertyInfo property in UnknownKeys.Settings(options.GetType()))
        {
            object? value = property.GetValue(options);
            string key = $"{path}:{property.Name}";
            foreach (ValidationAttribute rule in property.GetCustomAttributes<ValidationAttribute>())
            {
                if (!rule.IsValid(value))
                    yield return $"{key} is {Show(value)}; {Expected(rule)}";
            }

            if (value is not null && UnknownKeys.IsRecord(property.PropertyType))
            {
                foreach (string problem in Check(value, key))
                    yield return problem;
            }
            else if (value is IEnumerable items and not string)
            {
                int index = 0;
                foreach (object item in items)
                {
                    foreach (string problem in Check(item, $"{key}:{index}"))
                        yield return problem;
                    index++;
                }
            }
        }

        if (options is IValidatableObject record)
        {
            foreach (ValidationResult result in record.Validate(new ValidationContext(options)))
                yield return $"{string.Join(':', result.MemberNames.Prepend(path))}: {result.ErrorMessage}";
        }
    }

    private static string Show(object? value) => value is null or "" ? "empty" : $"{value}";

    private static string Expected(ValidationAttribute rule) => rule switch
    {
        RangeAttribute range => $"it must lie between {range.Minimum} and {range.Maximum}",
        StringLengthAttribute length => $"it may have {length.MaximumLength} characters",
        RequiredAttribute => "it must be set",
        _ => rule.FormatErrorMessage("it"),
    };
}
