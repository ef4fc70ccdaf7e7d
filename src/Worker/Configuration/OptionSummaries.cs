using System.Collections.Concurrent;
using System.Reflection;
using System.Text.RegularExpressions;
using System.Xml.Linq;

namespace StreamRnn.Worker.Configuration;

/// <summary>Reads the summaries of option records from the documentation file that the compiler writes beside each assembly, as Markdown.</summary>
internal static partial class OptionSummaries
{
    private static readonly ConcurrentDictionary<Assembly, Dictionary<string, XElement>> Files = [];

    public static string Of(Type record) => Find(record, $"T:{record.FullName}");

    public static string Of(PropertyInfo setting) => Find(setting.DeclaringType!, $"P:{setting.DeclaringType!.FullName}.{setting.Name}");

    private static string Find(Type declaring, string member) =>
        Files.GetOrAdd(declaring.Assembly, Load).TryGetValue(member, out XElement? summary)
            ? Blanks().Replace(string.Concat(summary.Nodes().Select(Markdown)), " ").Trim().Replace("|", "\\|", StringComparison.Ordinal)
            : throw new InvalidDataException($"{member} has no summary; write its consequence there");

    private static Dictionary<string, XElement> Load(Assembly assembly) =>
        XDocument.Load(Path.Combine(AppContext.BaseDirectory, assembly.GetName().Name + ".xml")).Descendants("member")
            .Where(member => member.Element("summary") is not null)
            .ToDictionary(member => member.Attribute("name")!.Value, member => member.Element("summary")!);

    private static string Markdown(XNode node) => node switch
    {
        XText text => text.Value,
        XElement { Name.LocalName: "see" } see => $"`{LastName(see.Attribute("cref")?.Value ?? see.Attribute("langword")!.Value)}`",
        XElement { Name.LocalName: "c" } code => $"`{code.Value}`",
        XElement other => string.Concat(other.Nodes().Select(Markdown)),
        _ => "",
    };

    private static string LastName(string reference) => reference[(reference.LastIndexOf('.') + 1)..];

    [GeneratedRegex(@"\s+")]
    private static partial Regex Blanks();
}
