using System.Reflection;
using ArchUnitNET.Domain;

namespace StreamRnn.Worker.Tests.Architecture;

/// <summary>
/// Public is what another assembly of the product names, in code or by way of a signature. Tests see the rest as friends. Cells, which third
/// parties may reference, keeps its surface in a file of its own.
/// </summary>
public class PublicSurfaceTests
{
    // A constant is copied into whoever reads it, and an exception that is caught is no reference that the reader of assemblies sees.
    private static readonly string[] Traceless = ["HealthPaths", "LogFormat", "MicroBatch", "NabRun", "Reservoir", "StreamPlace", "TrainingDivergedException"];

    private static readonly Lazy<HashSet<Type>> Needed = new(Find);

    [Theory]
    [InlineData("Cells")]
    [InlineData("Detection")]
    [InlineData("Ingest")]
    [InlineData("Trainer")]
    [InlineData("Engine")]
    [InlineData("Lab")]
    public void A_public_type_is_named_by_another_assembly(string assembly) =>
        Assert.Empty(Product.Load(assembly).GetExportedTypes().Where(type => !type.IsNested && !Needed.Value.Contains(type))
            .Select(type => type.FullName!).Where(name => !Traceless.Contains(name.Split('.')[^1])).Order());

    [Fact]
    public void An_executable_has_no_public_type() => Assert.Empty(Product.Load("Worker").GetExportedTypes());

    private static HashSet<Type> Find()
    {
        Dictionary<string, Type> types = Product.Assemblies.SelectMany(assembly => Product.Load(assembly).GetTypes())
            .Where(type => type.Namespace?.StartsWith("StreamRnn.", StringComparison.Ordinal) == true).ToDictionary(type => type.FullName!);
        HashSet<Type> needed = [];
        foreach ((IType from, IType to) in Product.Uses.Value)
        {
            if (types.TryGetValue(from.FullName, out Type? user) && types.TryGetValue(to.FullName, out Type? used) && user.Assembly != used.Assembly)
                Add(used);
        }
        return needed;

        void Add(Type type)
        {
            if (type.HasElementType)
                Add(type.GetElementType()!);
            foreach (Type argument in type.GetGenericArguments().Where(argument => !argument.IsGenericParameter))
                Add(argument);
            Type open = type.IsGenericType ? type.GetGenericTypeDefinition() : type;
            if (open.FullName is null || !types.ContainsKey(open.FullName) || !needed.Add(open))
                return;
            foreach (Type shown in Signatures(open))
                Add(shown);
        }
    }

    /// <summary>Types that a user of this one meets.</summary>
    private static IEnumerable<Type> Signatures(Type type)
    {
        const BindingFlags Declared = BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly;
        if (type.BaseType is Type parent)
            yield return parent;
        if (type.DeclaringType is Type outer)
            yield return outer;
        foreach (Type contract in type.GetInterfaces())
            yield return contract;
        foreach (FieldInfo field in type.GetFields(Declared).Where(field => field.IsPublic || field.IsFamily))
            yield return field.FieldType;
        foreach (MethodBase method in type.GetMethods(Declared).Cast<MethodBase>().Concat(type.GetConstructors(Declared)).Where(method => method.IsPublic || method.IsFamily))
        {
            foreach (ParameterInfo parameter in method.GetParameters())
                yield return parameter.ParameterType;
            if (method is MethodInfo { ReturnType: Type result })
                yield return result;
        }
    }
}
