using ArchUnitNET.Domain;
using ArchUnitNET.Domain.Extensions;
using ArchUnitNET.Loader;
using Assembly = System.Reflection.Assembly;

namespace StreamRnn.Worker.Tests.Architecture;

/// <summary>The compiled assemblies of the product, and who uses whom among their types.</summary>
internal static class Product
{
    /// <summary>Pairs of our own types, once each.</summary>
    public static readonly Lazy<(IType From, IType To)[]> Uses = new(Read);

    public static IEnumerable<string> Assemblies { get; } =
        [.. Directory.GetFiles(AppContext.BaseDirectory, "*.dll").Select(NameOf).OfType<string>().Order(StringComparer.Ordinal)];

    public static Assembly Load(string assembly) =>
        Assembly.LoadFrom(Path.Combine(AppContext.BaseDirectory, assembly == "Worker" ? "streamrnn.dll" : $"StreamRnn.{assembly}.dll"));

    private static (IType From, IType To)[] Read()
    {
        ArchLoader loader = new();
        foreach (string assembly in Assemblies)
            loader.LoadAssembly(Load(assembly));
        IEnumerable<(IType From, IType To)> uses = from type in loader.Build().Types
                                                   from dependency in type.Dependencies
                                                   where dependency.Target is not GenericParameter   // it knows them by name, one for all types
                                                   where IsOurs(type) && IsOurs(dependency.Target)
                                                   select (type, dependency.Target);
        return [.. uses.Distinct()];
    }

    private static bool IsOurs(IType type) => type.Namespace?.FullName.StartsWith("StreamRnn.", StringComparison.Ordinal) == true;

    private static string? NameOf(string file) => Path.GetFileNameWithoutExtension(file) switch
    {
        "streamrnn" => "Worker",
        "StreamRnn.Support" => null,
        string name when name.StartsWith("StreamRnn.", StringComparison.Ordinal) && !name.EndsWith(".Tests", StringComparison.Ordinal) => name["StreamRnn.".Length..],
        _ => null,
    };
}
