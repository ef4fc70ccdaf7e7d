using System.Reflection;
using System.Text.RegularExpressions;
using ArchUnitNET.Domain;
using Microsoft.Extensions.Logging;

namespace StreamRnn.Worker.Tests.Architecture;

/// <summary>
/// Who may use whom, read from the compiled assemblies and compared with docs/architecture.md: assemblies along the drawn arrows, rooms
/// the floors below them.
/// </summary>
public partial class FloorsTests
{
    private static readonly Drawing Drawn = Drawing.Read();

    /// <summary>A type of one namespace uses one of another.</summary>
    private static readonly Lazy<(string From, string To, string Example)[]> Uses = new(() =>
        [.. Product.Uses.Value.Select(use => (use.From.Namespace.FullName, use.To.Namespace.FullName, $"{use.From.FullName} uses {use.To.FullName}")).Where(use => use.Item1 != use.Item2)]);

    public static TheoryData<string> Assemblies => [.. Drawn.Assemblies];

    [Fact]
    public void Every_assembly_is_drawn() =>
        Assert.Equal(Product.Assemblies, Drawn.Assemblies.Order(StringComparer.Ordinal));

    [Fact]
    public void Assemblies_use_each_other_along_the_drawn_arrows_and_every_arrow_is_needed()
    {
        HashSet<(string, string)> found = [.. Uses.Value.Select(use => (AssemblyOf(use.From), AssemblyOf(use.To))).Where(use => use.Item1 != use.Item2)];
        Assert.Equal(Drawn.Arrows.Order(), found.Order());
    }

    [Theory, MemberData(nameof(Assemblies))]
    public void A_room_uses_rooms_below_it_alone(string assembly)
    {
        IEnumerable<string> up = from use in Within(assembly)
                                 let a = Drawn.Floor(assembly, RoomOf(assembly, use.From))
                                 let b = Drawn.Floor(assembly, RoomOf(assembly, use.To))
                                 where a is null || b is null || a >= b
                                 select use.Example;
        Assert.Empty(up.Order());
    }

    /// <summary>Twice: over rooms, and over the first folder alone, since a circle through a parent is none between its leaves.</summary>
    [Theory, MemberData(nameof(Assemblies))]
    public void No_circle_leads_through_the_folders_of_an_assembly(string assembly)
    {
        foreach (Func<string, string> place in (Func<string, string>[])[name => RoomOf(assembly, name), name => RoomOf(assembly, name).Split('/')[0]])
        {
            HashSet<(string From, string To)> arrows = [.. Within(assembly).Select(use => (place(use.From), place(use.To))).Where(arrow => arrow.Item1 != arrow.Item2)];
            HashSet<string> rooms = [.. arrows.SelectMany(arrow => (string[])[arrow.From, arrow.To])];
            while (rooms.RemoveWhere(room => !arrows.Any(arrow => arrow.From == room && rooms.Contains(arrow.To))) > 0)
            {
                // The lowest floor is taken away; what is left in the end uses itself.
            }
            Assert.Empty(rooms);
        }
    }

    [Fact]
    public void Mqtt_knows_packets_and_no_ticks() =>
        Assert.DoesNotContain(Within("Ingest"), use => RoomOf("Ingest", use.From).StartsWith("Mqtt/", StringComparison.Ordinal) && RoomOf("Ingest", use.To) == "Ticks");

    [Fact]
    public void Only_the_demo_the_verbs_and_the_program_use_hosting() =>
        Assert.Equal(["Demo", "Verbs"], Within("Worker").Where(use => RoomOf("Worker", use.To) == "Hosting").Select(use => RoomOf("Worker", use.From)).Distinct().Order());

    [Theory, MemberData(nameof(Assemblies))]
    public void A_folder_is_a_namespace(string assembly)
    {
        IEnumerable<string> elsewhere = from file in Repository.Sources(assembly)
                                        let declared = Declaration().Match(File.ReadAllText(Path.Combine(Repository.Root, "src", assembly, file)))
                                        where declared.Success && declared.Groups[1].Value != $"StreamRnn.{assembly}/{Path.GetDirectoryName(file)}".TrimEnd('/').Replace('/', '.')
                                        select $"{file} declares {declared.Groups[1].Value}";
        Assert.Empty(elsewhere);
    }

    [Theory, MemberData(nameof(Assemblies))]
    public void No_type_has_the_name_of_its_room(string assembly) =>
        Assert.DoesNotContain(Product.Load(assembly).GetTypes(), type => !type.IsNested && type.Namespace?.EndsWith("." + type.Name, StringComparison.Ordinal) == true);

    [Fact]
    public void Cells_references_only_the_base_library() =>
        Assert.All(Product.Load("Cells").GetReferencedAssemblies(), reference => Assert.StartsWith("System.", reference.Name, StringComparison.Ordinal));

    [Fact]
    public void A_number_stands_for_one_line_of_the_log()
    {
        int[] ids = [.. Drawn.Assemblies.SelectMany(assembly => Product.Load(assembly).GetTypes())
            .SelectMany(type => type.GetMethods(BindingFlags.Static | BindingFlags.Public | BindingFlags.NonPublic))
            .Select(method => method.GetCustomAttribute<LoggerMessageAttribute>())
            .OfType<LoggerMessageAttribute>()
            .Select(message => message.EventId)];
        Assert.NotEmpty(ids);
        Assert.Equal(ids.Length, ids.Distinct().Count());
    }

    private static IEnumerable<(string From, string To, string Example)> Within(string assembly) =>
        Uses.Value.Where(use => AssemblyOf(use.From) == assembly && AssemblyOf(use.To) == assembly);

    private static string AssemblyOf(string name) => name.Split('.')[1];

    /// <summary>A drawn room, or the folder where none is drawn.</summary>
    private static string RoomOf(string assembly, string name)
    {
        string folder = string.Join('/', name.Split('.')[2..]);
        return folder.Length == 0 ? Drawing.Root
            : Drawn.Rooms(assembly).FirstOrDefault(room => folder == room || folder.StartsWith(room + "/", StringComparison.Ordinal)) ?? folder;
    }

    [GeneratedRegex(@"^namespace ([\w.]+);", RegexOptions.Multiline)]
    private static partial Regex Declaration();
}
