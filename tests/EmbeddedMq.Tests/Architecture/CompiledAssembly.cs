using System.Collections.Immutable;
using System.Reflection;
using System.Reflection.Emit;
using System.Reflection.Metadata;
using System.Reflection.Metadata.Ecma335;
using System.Reflection.PortableExecutable;

namespace EmbeddedMq.Tests.Architecture;

/// <summary>A top-level type and the folder of its source file below the source root; "" for a file beside the folders.</summary>
internal sealed record CompiledType(string Namespace, string Name, bool IsPublic, string FolderPath)
{
    public string FullName => Namespace.Length == 0 ? Name : $"{Namespace}.{Name}";

    public string Folder => FolderPath.Split('/')[0];
}

/// <summary>One type names another of the same assembly.</summary>
internal sealed record InnerReference(CompiledType From, CompiledType To);

/// <summary>One type names a type of another assembly.</summary>
internal sealed record OuterReference(CompiledType From, string Assembly, string Namespace, string Name);

/// <summary>What an assembly's types name, read from its metadata and method bodies, with folders taken from its portable PDB.</summary>
/// <remarks>
/// The compiler leaves no trace of constants, of <c>nameof</c> and of comments; <see cref="SourceTree"/> looks at the text for the first two.
/// Nested types, lambdas and state machines count as their top-level type.
/// </remarks>
internal sealed class CompiledAssembly
{
    private static readonly Guid TypeDefinitionDocuments = new("932E74BC-DBA9-4478-8D46-0F32A7BAB3D3");

    private readonly MetadataReader _metadata;
    private readonly MetadataReader _symbols;
    private readonly PEReader _image;
    private readonly string _sourceRoot;
    private readonly Dictionary<TypeDefinitionHandle, CompiledType> _types = [];

    private CompiledAssembly(PEReader image, MetadataReader symbols, string sourceRoot)
    {
        _image = image;
        _metadata = image.GetMetadataReader();
        _symbols = symbols;
        _sourceRoot = sourceRoot;
    }

    /// <summary>Types that have a source file below the source root.</summary>
    public List<CompiledType> Types { get; } = [];

    /// <summary>Full names of types that have none: made by the compiler or by a source generator.</summary>
    public List<string> TypesWithoutSource { get; } = [];

    /// <summary>Types whose parts lie in more than one folder.</summary>
    public List<string> TypesInManyFolders { get; } = [];

    public HashSet<InnerReference> InnerReferences { get; } = [];

    public HashSet<OuterReference> OuterReferences { get; } = [];

    /// <param name="assemblyPath">A DLL with its portable PDB beside it.</param>
    /// <param name="sourceRoot">The folder whose subfolders are of interest, such as <c>src/EmbeddedMq/</c>.</param>
    public static CompiledAssembly Read(string assemblyPath, string sourceRoot)
    {
        using var image = new PEReader(File.OpenRead(assemblyPath));
        using MetadataReaderProvider symbols = MetadataReaderProvider.FromPortablePdbStream(File.OpenRead(Path.ChangeExtension(assemblyPath, ".pdb")));
        var assembly = new CompiledAssembly(image, symbols.GetMetadataReader(), sourceRoot);
        assembly.PlaceTypes();
        assembly.CollectReferences();
        return assembly;
    }

    private void PlaceTypes()
    {
        Dictionary<TypeDefinitionHandle, SortedSet<string>> folders = [];
        foreach (TypeDefinitionHandle handle in _metadata.TypeDefinitions)
        {
            TypeDefinitionHandle top = TopLevel(handle);
            if (!folders.TryGetValue(top, out SortedSet<string>? found))
            {
                folders.Add(top, found = []);
            }

            found.UnionWith(Documents(handle).Select(FolderPathOf).OfType<string>());
        }

        foreach ((TypeDefinitionHandle handle, SortedSet<string> found) in folders)
        {
            TypeDefinition definition = _metadata.GetTypeDefinition(handle);
            string space = _metadata.GetString(definition.Namespace);
            string name = _metadata.GetString(definition.Name);
            if (found.Count == 0)
            {
                TypesWithoutSource.Add(space.Length == 0 ? name : $"{space}.{name}");
                continue;
            }

            bool isPublic = (definition.Attributes & TypeAttributes.VisibilityMask) == TypeAttributes.Public;
            var type = new CompiledType(space, name, isPublic, found.First());
            _types.Add(handle, type);
            Types.Add(type);
            if (found.Count > 1)
            {
                TypesInManyFolders.Add($"{type.FullName}: {string.Join(", ", found)}");
            }
        }
    }

    private IEnumerable<DocumentHandle> Documents(TypeDefinitionHandle handle)
    {
        // Types without method bodies, such as interfaces and enums, carry their documents themselves.
        foreach (CustomDebugInformationHandle informationHandle in _symbols.GetCustomDebugInformation(handle))
        {
            CustomDebugInformation information = _symbols.GetCustomDebugInformation(informationHandle);
            if (_symbols.GetGuid(information.Kind) == TypeDefinitionDocuments)
            {
                foreach (DocumentHandle document in ReadDocuments(information.Value))
                {
                    yield return document;
                }
            }
        }

        foreach (MethodDefinitionHandle method in _metadata.GetTypeDefinition(handle).GetMethods())
        {
            foreach (SequencePoint point in _symbols.GetMethodDebugInformation(method).GetSequencePoints())
            {
                yield return point.Document;
            }
        }
    }

    private List<DocumentHandle> ReadDocuments(BlobHandle blob)
    {
        List<DocumentHandle> documents = [];
        BlobReader reader = _symbols.GetBlobReader(blob);
        while (reader.RemainingBytes > 0)
        {
            documents.Add(MetadataTokens.DocumentHandle(reader.ReadCompressedInteger()));
        }

        return documents;
    }

    /// <returns>The folder below the source root, or <see langword="null"/> for a file elsewhere or a generated one.</returns>
    private string? FolderPathOf(DocumentHandle handle)
    {
        // A build for release maps the root to "/_/", so only the end of the path can be relied on.
        string path = _symbols.GetString(_symbols.GetDocument(handle).Name).Replace('\\', '/');
        int start = path.IndexOf("/" + _sourceRoot, StringComparison.Ordinal);
        if (start < 0)
        {
            return null;
        }

        string relative = path[(start + 1 + _sourceRoot.Length)..];
        int slash = relative.LastIndexOf('/');
        string folder = slash < 0 ? "" : relative[..slash];
        return folder == "obj" || folder.StartsWith("obj/", StringComparison.Ordinal) ? null : folder;
    }

    private void CollectReferences()
    {
        foreach (TypeDefinitionHandle handle in _metadata.TypeDefinitions)
        {
            if (!_types.TryGetValue(TopLevel(handle), out CompiledType? from))
            {
                continue;
            }

            var names = new NamedTypes(_metadata, _image);
            names.AddType(handle);
            foreach (TypeDefinitionHandle named in names.Definitions)
            {
                if (_types.TryGetValue(TopLevel(named), out CompiledType? to) && to != from)
                {
                    InnerReferences.Add(new InnerReference(from, to));
                }
            }

            foreach (TypeReferenceHandle named in names.References)
            {
                TypeReference reference = _metadata.GetTypeReference(named);
                OuterReferences.Add(new OuterReference(
                    from, AssemblyOf(reference), _metadata.GetString(reference.Namespace), _metadata.GetString(reference.Name)));
            }
        }
    }

    private string AssemblyOf(TypeReference reference) => reference.ResolutionScope.Kind switch
    {
        HandleKind.AssemblyReference => _metadata.GetString(_metadata.GetAssemblyReference((AssemblyReferenceHandle)reference.ResolutionScope).Name),
        HandleKind.TypeReference => AssemblyOf(_metadata.GetTypeReference((TypeReferenceHandle)reference.ResolutionScope)),
        _ => "",
    };

    private TypeDefinitionHandle TopLevel(TypeDefinitionHandle handle)
    {
        TypeDefinitionHandle declaring = _metadata.GetTypeDefinition(handle).GetDeclaringType();
        return declaring.IsNil ? handle : TopLevel(declaring);
    }

    /// <summary>Collects every type that one type definition names, signatures and method bodies included.</summary>
    private sealed class NamedTypes(MetadataReader metadata, PEReader image) : ISignatureTypeProvider<int, int>
    {
        private static readonly Dictionary<short, OperandType> Operands = typeof(OpCodes)
            .GetFields(BindingFlags.Public | BindingFlags.Static)
            .Select(field => (OpCode)field.GetValue(null)!)
            .ToDictionary(code => code.Value, code => code.OperandType);

        public HashSet<TypeDefinitionHandle> Definitions { get; } = [];

        public HashSet<TypeReferenceHandle> References { get; } = [];

        public void AddType(TypeDefinitionHandle handle)
        {
            TypeDefinition type = metadata.GetTypeDefinition(handle);
            Add(type.BaseType);
            AddAttributes(type.GetCustomAttributes());
            AddConstraints(type.GetGenericParameters());
            foreach (InterfaceImplementationHandle implementation in type.GetInterfaceImplementations())
            {
                Add(metadata.GetInterfaceImplementation(implementation).Interface);
            }

            foreach (FieldDefinitionHandle fieldHandle in type.GetFields())
            {
                FieldDefinition field = metadata.GetFieldDefinition(fieldHandle);
                field.DecodeSignature(this, 0);
                AddAttributes(field.GetCustomAttributes());
            }

            foreach (PropertyDefinitionHandle propertyHandle in type.GetProperties())
            {
                AddAttributes(metadata.GetPropertyDefinition(propertyHandle).GetCustomAttributes());
            }

            foreach (EventDefinitionHandle eventHandle in type.GetEvents())
            {
                Add(metadata.GetEventDefinition(eventHandle).Type);
            }

            foreach (MethodDefinitionHandle methodHandle in type.GetMethods())
            {
                AddMethod(metadata.GetMethodDefinition(methodHandle));
            }
        }

        private void AddMethod(MethodDefinition method)
        {
            method.DecodeSignature(this, 0);
            AddAttributes(method.GetCustomAttributes());
            AddConstraints(method.GetGenericParameters());
            foreach (ParameterHandle parameter in method.GetParameters())
            {
                AddAttributes(metadata.GetParameter(parameter).GetCustomAttributes());
            }

            if (method.RelativeVirtualAddress == 0)
            {
                return;
            }

            MethodBodyBlock body = image.GetMethodBody(method.RelativeVirtualAddress);
            if (!body.LocalSignature.IsNil)
            {
                metadata.GetStandaloneSignature(body.LocalSignature).DecodeLocalSignature(this, 0);
            }

            foreach (ExceptionRegion region in body.ExceptionRegions)
            {
                Add(region.CatchType);
            }

            AddInstructions(body.GetILReader());
        }

        private void AddInstructions(BlobReader il)
        {
            while (il.RemainingBytes > 0)
            {
                int code = il.ReadByte();
                if (code == 0xFE)
                {
                    code = (code << 8) | il.ReadByte();
                }

                switch (Operands[unchecked((short)code)])
                {
                    case OperandType.InlineField or OperandType.InlineMethod or OperandType.InlineTok or OperandType.InlineType:
                        Add(MetadataTokens.EntityHandle(il.ReadInt32()));
                        break;
                    case OperandType.InlineSwitch:
                        int targetCount = il.ReadInt32(); // read first: the left side of += would be taken before it
                        il.Offset += 4 * targetCount;
                        break;
                    case OperandType.InlineI8 or OperandType.InlineR:
                        il.Offset += 8;
                        break;
                    case OperandType.InlineBrTarget or OperandType.InlineI or OperandType.InlineString or OperandType.InlineSig or OperandType.ShortInlineR:
                        il.Offset += 4;
                        break;
                    case OperandType.InlineVar:
                        il.Offset += 2;
                        break;
                    case OperandType.ShortInlineBrTarget or OperandType.ShortInlineI or OperandType.ShortInlineVar:
                        il.Offset += 1;
                        break;
                    case OperandType.InlineNone:
                        break;
                    default:
                        throw new InvalidOperationException($"Instruction 0x{code:X} has an operand of unknown size.");
                }
            }
        }

        private void AddConstraints(GenericParameterHandleCollection parameters)
        {
            foreach (GenericParameterHandle parameter in parameters)
            {
                foreach (GenericParameterConstraintHandle constraint in metadata.GetGenericParameter(parameter).GetConstraints())
                {
                    Add(metadata.GetGenericParameterConstraint(constraint).Type);
                }
            }
        }

        private void AddAttributes(CustomAttributeHandleCollection attributes)
        {
            foreach (CustomAttributeHandle attribute in attributes)
            {
                Add(metadata.GetCustomAttribute(attribute).Constructor);
            }
        }

        private void Add(EntityHandle handle)
        {
            if (handle.IsNil)
            {
                return;
            }

            switch (handle.Kind)
            {
                case HandleKind.TypeDefinition:
                    Definitions.Add((TypeDefinitionHandle)handle);
                    break;
                case HandleKind.TypeReference:
                    References.Add((TypeReferenceHandle)handle);
                    break;
                case HandleKind.TypeSpecification:
                    metadata.GetTypeSpecification((TypeSpecificationHandle)handle).DecodeSignature(this, 0);
                    break;
                case HandleKind.MethodDefinition:
                    Add(metadata.GetMethodDefinition((MethodDefinitionHandle)handle).GetDeclaringType());
                    break;
                case HandleKind.FieldDefinition:
                    Add(metadata.GetFieldDefinition((FieldDefinitionHandle)handle).GetDeclaringType());
                    break;
                case HandleKind.MemberReference:
                    Add(metadata.GetMemberReference((MemberReferenceHandle)handle).Parent);
                    break;
                case HandleKind.MethodSpecification:
                    MethodSpecification method = metadata.GetMethodSpecification((MethodSpecificationHandle)handle);
                    Add(method.Method);
                    method.DecodeSignature(this, 0);
                    break;
                default:
                    break; // no type is named
            }
        }

        // The decoder calls these for each part of a signature; the two that name a type are of interest.
        public int GetTypeFromDefinition(MetadataReader reader, TypeDefinitionHandle handle, byte rawTypeKind)
        {
            Definitions.Add(handle);
            return 0;
        }

        public int GetTypeFromReference(MetadataReader reader, TypeReferenceHandle handle, byte rawTypeKind)
        {
            References.Add(handle);
            return 0;
        }

        public int GetTypeFromSpecification(MetadataReader reader, int genericContext, TypeSpecificationHandle handle, byte rawTypeKind)
            => reader.GetTypeSpecification(handle).DecodeSignature(this, genericContext);

        public int GetArrayType(int elementType, ArrayShape shape) => 0;

        public int GetByReferenceType(int elementType) => 0;

        public int GetFunctionPointerType(MethodSignature<int> signature) => 0;

        public int GetGenericInstantiation(int genericType, ImmutableArray<int> typeArguments) => 0;

        public int GetGenericMethodParameter(int genericContext, int index) => 0;

        public int GetGenericTypeParameter(int genericContext, int index) => 0;

        public int GetModifiedType(int modifier, int unmodifiedType, bool isRequired) => 0;

        public int GetPinnedType(int elementType) => 0;

        public int GetPointerType(int elementType) => 0;

        public int GetPrimitiveType(PrimitiveTypeCode typeCode) => 0;

        public int GetSZArrayType(int elementType) => 0;
    }
}
