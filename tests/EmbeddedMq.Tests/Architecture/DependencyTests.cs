using System.Reflection;
using System.Runtime.CompilerServices;
using System.Xml.Linq;

namespace EmbeddedMq.Tests.Architecture;

/// <summary>What the packages may depend on, and what no code in them may do.</summary>
public sealed class DependencyTests
{
    [Fact]
    public void Abstractions_ProjectFile_ReferencesNothing()
    {
        XDocument project = XDocument.Load(Path.Combine(SourceTree.RepositoryRoot, "src/EmbeddedMq.Abstractions/EmbeddedMq.Abstractions.csproj"));
        Offenders.None(project.Descendants()
            .Where(element => element.Name.LocalName.EndsWith("Reference", StringComparison.Ordinal))
            .Select(element => element.ToString()));
    }

    [Fact]
    public void Abstractions_Assembly_ReferencesTheFrameworkOnly()
        => Assert.All(
            Assembly.Load("EmbeddedMq.Abstractions").GetReferencedAssemblies(),
            name => Assert.StartsWith("System.", name.Name, StringComparison.Ordinal));

    [Theory]
    [InlineData("EmbeddedMq")]
    [InlineData("EmbeddedMq.Abstractions")]
    public void Method_ReturnsVoid_IsNotAsync(string assembly)
    {
        // Nobody can await such a method, and its exception ends the process.
        const BindingFlags AllDeclared = BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Static | BindingFlags.Instance | BindingFlags.DeclaredOnly;
        IEnumerable<string> violations = Assembly.Load(assembly).GetTypes()
            .SelectMany(type => type.GetMethods(AllDeclared))
            .Where(method => method.ReturnType == typeof(void) && method.IsDefined(typeof(AsyncStateMachineAttribute)))
            .Select(method => $"{method.DeclaringType?.FullName}.{method.Name}");
        Offenders.None(violations);
    }
}
